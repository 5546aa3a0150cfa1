import type { GatewayReport } from '../reports/report.ts';
import { Tally } from '../reports/tally.ts';

/** What must not get lost with the counters of one process: it stands in what a gateway says of itself. */
export class RareEvents {
  /** Keys that two stores granted. */
  readonly crossed = new Tally();
  /** Commands of unknown outcome that could not be kept. */
  readonly notKept = new Tally();

  report(
    claims: GatewayReport['claims'],
    running: { readonly count: number; readonly oldestMs: number | null },
  ): GatewayReport {
    return {
      claims,
      running: running.count,
      oldestRunningMs: running.oldestMs,
      crossed: this.crossed.count,
      crossedAgoMs: this.crossed.agoMs,
      notKept: this.notKept.count,
      notKeptAgoMs: this.notKept.agoMs,
    };
  }
}

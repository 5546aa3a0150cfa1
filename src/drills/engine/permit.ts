import { unfinishedIds } from '../run-folder.ts';
import { nothingUnfinished } from './conditions.ts';
import type { Drill, DrillOptions, DrillPorts, Preparation, Prepared } from './drill.ts';
import { durationFinding, longestOf, observationFinding } from './duration.ts';
import { notMet, refuseUnfinished } from './refuse.ts';

/**
 * What the drill itself found, and what holds for every drill: its longest case, that a recovery within its target can be
 * seen, that no run waits to be restored, and whether drills may run now.
 */
export async function prepareDrill(
  drill: Drill,
  ports: DrillPorts,
  options: DrillOptions,
): Promise<Preparation> {
  const preparation = await drill.prepare(ports, options);
  const longest = preparation.kind === 'ready' ? longestOf(preparation, options, ports.context) : undefined;
  const permitted = await ports.permission.findings(longest?.totalMs ?? 0);
  const findings = [
    ...(longest === undefined ? [] : [durationFinding(longest, options.limits.maxDurationMs)]),
    observationFinding(options),
    ...permitted,
    nothingUnfinished(await unfinishedIds(options.journalDir)),
  ].map((each) => ({ ...each, region: options.region }));
  // First what forbids every drill: what to type next is about that.
  const all = [...findings, ...preparation.findings];
  if (preparation.kind === 'refused' || notMet(findings).length > 0)
    return { kind: 'refused', findings: all };
  return { ...preparation, findings: all, ...(longest === undefined ? {} : { longest }) };
}

/** Throws UPL-DRILL-UNFINISHED (15) while a run of anybody waits to be restored. */
export async function requireNothingUnfinished(journalDir: string): Promise<void> {
  refuseUnfinished(await unfinishedIds(journalDir));
}

/**
 * The last look before the act: whoever had the lock before may have left something broken, and died, since the
 * preflight. Throws UPL-DRILL-UNFINISHED (15).
 */
export function lookAgain({ moved }: Pick<Prepared, 'moved'>, journalDir: string): Prepared['moved'] {
  return async () => {
    await requireNothingUnfinished(journalDir);
    return moved();
  };
}

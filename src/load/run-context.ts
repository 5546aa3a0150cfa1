import type { HttpClient } from '../clients/http/http.ts';
import type { HistoryWriter } from './history.ts';
import type { Tally } from './tally.ts';

export interface RunnerOptions {
  readonly tenant: string;
  readonly gateways: readonly { readonly id: string; readonly url: string }[];
  readonly seed: number;
  readonly maxInFlight: number;
  readonly attemptTimeoutMs: number;
  readonly operationDeadlineMs: number;
  readonly maxAttempts: number;
  readonly readShare: number;
  /** Seconds from an operation to the next one about the same reservation. */
  readonly followUpAfterS: { readonly from: number; readonly to: number };
  readonly http: HttpClient;
  readonly history: HistoryWriter;
  readonly tally: Tally;
  readonly nowUs: () => number;
}

export interface Gateway {
  readonly id: string;
  readonly origin: string;
  /** Path of the base URL, without a slash at its end. */
  readonly prefix: string;
}

/** Shared by the operations of one load. */
export interface RunContext extends RunnerOptions {
  readonly targets: readonly Gateway[];
  readonly abort: AbortController;
  readonly random: () => number;
  nextOp(): number;
}

/** A gateway as configured, taken apart. */
export function gatewayOf(gateway: { readonly id: string; readonly url: string }): Gateway {
  const url = new URL(gateway.url);
  return { id: gateway.id, origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
}

/** Gateways in turn; a retry goes to the next one. */
export function gatewayFor(context: RunContext, turn: number): Gateway {
  const gateway = context.targets[turn % context.targets.length];
  if (gateway === undefined) throw new RangeError('a load needs a gateway');
  return gateway;
}

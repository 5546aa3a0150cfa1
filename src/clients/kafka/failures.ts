import { reasonOf, UpliftError } from '../../core/error.ts';
import { formatMs } from '../../core/units.ts';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name not found',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'no answer',
  PLT_KFK_TIMEOUT: 'no answer',
  'UPL-DEADLINE': 'no answer',
};

/** Every error reachable through `cause` and `errors`, the outermost first; bounded against cycles. */
export function causesOf(error: unknown): Error[] {
  const found: Error[] = [];
  const waiting: unknown[] = [error];
  while (waiting.length > 0 && found.length < 30) {
    const next = waiting.shift();
    if (!(next instanceof Error) || found.includes(next)) continue;
    found.push(next);
    waiting.push(next.cause, ...(next instanceof AggregateError ? next.errors : []));
  }
  return found;
}

export function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Did the other side end the connection instead of answering? A refused connection or silence is something else. */
export function hungUp(error: unknown): boolean {
  const all = causesOf(error);
  if (all.some((e) => ['ECONNREFUSED', 'UPL-DEADLINE', 'PLT_KFK_TIMEOUT'].includes(codeOf(e)))) return false;
  return all.some(
    (e) => /^(ECONNRESET|EPIPE|EPROTO|ERR_SSL_)/.test(codeOf(e)) || /connection closed/i.test(e.message),
  );
}

/** The failure in a few words for people: "connection refused", "no answer", else its innermost text. */
export function reasonInWords(error: unknown): string {
  const all = causesOf(error);
  const told = all.map((e) => WORDS[codeOf(e)]).find((word) => word !== undefined);
  if (told !== undefined) return told;
  if (all.some((e) => /timed out/i.test(e.message))) return 'no answer';
  if (all.some((e) => /connection closed/i.test(e.message))) return 'connection closed';
  return all.at(-1)?.message ?? reasonOf(error);
}

/** `127.0.0.1:19092, :19093, :19094`: a host that repeats is written once. */
export function listAddresses(addresses: readonly string[]): string {
  let lastHost = '';
  const parts: string[] = [];
  for (const address of addresses) {
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon);
    parts.push(host === lastHost ? address.slice(colon) : address);
    lastHost = host;
  }
  return parts.join(', ');
}

export interface Tries {
  readonly addresses: readonly string[];
  readonly tries: number;
  readonly tookMs: number;
  readonly last: unknown;
}

/** UPL-KAFKA-UNREACHABLE: which brokers, why, how often and for how long it was tried. */
export function unreachable(tried: Tries): UpliftError {
  const tries = tried.tries === 1 ? '1 try' : `${tried.tries} tries`;
  return new UpliftError('UPL-KAFKA-UNREACHABLE', {
    message: `Cannot reach Kafka at ${listAddresses(tried.addresses)} (${reasonInWords(tried.last)}, ${tries} in ${formatMs(tried.tookMs)}).`,
    next: 'If this is the sandbox: uplift sandbox status',
    cause: tried.last,
  });
}

import { reasonOf, UpliftError } from '../../core/error.ts';
import { formatMs } from '../../core/units.ts';
import type { KafkaTarget } from './target.ts';

/** Codes of Node's TLS that mean "I do not trust that certificate" (nodejs.org/api/tls.html#x509-certificate-error-codes). */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

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
function chain(error: unknown): Error[] {
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

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** UPL-KAFKA-AUTH when the failure says that credentials or a certificate were refused, else undefined. */
export function authFailure(target: KafkaTarget, address: string, error: unknown): UpliftError | undefined {
  const all = chain(error);
  const known = all.find((e): e is UpliftError => e instanceof UpliftError && e.code === 'UPL-KAFKA-AUTH');
  if (known !== undefined) return known;
  const untrusted = all.find((e) => UNTRUSTED.has(codeOf(e)));
  if (untrusted !== undefined) {
    return new UpliftError('UPL-KAFKA-AUTH', {
      message: `The certificate of Kafka at ${address} is not trusted (${untrusted.message}).`,
      next: 'Set kafka.tls.ca to the PEM file of the authority that signed it.',
      cause: error,
    });
  }
  if (all.some((e) => e.message.includes('Broker requires TLS'))) {
    return new UpliftError('UPL-KAFKA-AUTH', {
      message: `Kafka at ${address} speaks TLS, and no kafka.tls is configured.`,
      next: 'Add kafka.tls (ca, and cert and key if it asks for a client certificate).',
      cause: error,
    });
  }
  const refused = all.some(
    (e) => e.name === 'KafkaJSSASLAuthenticationError' || codeOf(e) === 'PLT_KFK_AUTHENTICATION',
  );
  if (!refused) return undefined;
  const who =
    target.sasl === undefined
      ? 'the login'
      : `the login of "${target.sasl.username}" (${target.sasl.mechanism})`;
  return new UpliftError('UPL-KAFKA-AUTH', {
    message: `Kafka at ${address} refused ${who}.`,
    next: 'Check kafka.sasl: user name, password and mechanism.',
    cause: error,
  });
}

/** The failure in a few words for people: "connection refused", "no answer", else its innermost text. */
export function reasonInWords(error: unknown): string {
  const all = chain(error);
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

import { UpliftError } from '../../core/error.ts';
import { causesOf, codeOf } from './failures.ts';
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

/** Alerts by which the other side says that it wants a client certificate, or another one (RFC 8446 §6.2). */
const WANTS_CERTIFICATE =
  /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNKNOWN_CA|CERTIFICATE_EXPIRED)$/;

/** Failures of the line. A login that ended in one was not refused: the broker may have died while it was looking. */
const LINE = /^(PLT_KFK_NETWORK|PLT_KFK_TIMEOUT|UPL-DEADLINE|ECONN\w+|EPIPE|ETIMEDOUT)$/;

/** What Kafka answers to a login, by the names of its error codes 58, 33 and 34. */
const MECHANISM = 'UNSUPPORTED_SASL_MECHANISM';
const NO_LOGIN_HERE = 'ILLEGAL_SASL_STATE';

/** UPL-KAFKA-AUTH when the failure says that credentials or a certificate were refused, else undefined. */
export function authFailure(target: KafkaTarget, address: string, error: unknown): UpliftError | undefined {
  const all = causesOf(error);
  const known = all.find((e): e is UpliftError => e instanceof UpliftError && e.code === 'UPL-KAFKA-AUTH');
  if (known !== undefined) return known;
  const untrusted = all.find((e) => UNTRUSTED.has(codeOf(e)));
  if (untrusted !== undefined) {
    return refusal(
      `The certificate of Kafka at ${address} is not trusted (${untrusted.message}).`,
      'Set kafka.tls.ca in uplift.yaml to the PEM file of the authority that signed it.',
      error,
    );
  }
  if (all.some((e) => WANTS_CERTIFICATE.test(codeOf(e)))) {
    return refusal(
      `Kafka at ${address} wants a client certificate that it trusts.`,
      'Set kafka.tls.cert and kafka.tls.key in uplift.yaml.',
      error,
    );
  }
  if (all.some((e) => e.message.includes('Broker requires TLS'))) return speaksTls(address, error);
  if (!all.some((e) => codeOf(e) === 'PLT_KFK_AUTHENTICATION')) return undefined;
  return loginFailure(target, address, error, all);
}

function loginFailure(
  target: KafkaTarget,
  address: string,
  error: unknown,
  all: readonly Error[],
): UpliftError | undefined {
  const answered = new Set(all.map((e) => ('apiId' in e ? e.apiId : undefined)));
  if (answered.has(NO_LOGIN_HERE)) return takesNoLogin(address, error);
  if (answered.has(MECHANISM)) return otherMechanism(target, address, mechanismsIn(all), error);
  const inner = all.slice(all.findIndex((e) => codeOf(e) === 'PLT_KFK_AUTHENTICATION') + 1);
  if (inner.some((e) => LINE.test(codeOf(e)))) return undefined;
  const { sasl } = target;
  const who = sasl === undefined ? 'the login' : `the login of "${sasl.username}" (${sasl.mechanism})`;
  return refusal(
    `Kafka at ${address} refused ${who}.`,
    'Check kafka.sasl in uplift.yaml: user name, mechanism, and what the password file or variable holds.',
    error,
  );
}

/** The mechanisms that a SaslHandshake answer names; the client keeps the answer on its error. */
function mechanismsIn(all: readonly Error[]): readonly string[] {
  const answers = all.map((e) => ('response' in e ? (e.response as { mechanisms?: unknown } | null) : null));
  const named = answers.find((answer) => Array.isArray(answer?.mechanisms))?.mechanisms;
  return (named as readonly unknown[] | undefined)?.map(String) ?? [];
}

export function speaksTls(address: string, cause?: unknown): UpliftError {
  return refusal(
    `Kafka at ${address} speaks TLS, and no kafka.tls is configured.`,
    'Add kafka.tls to uplift.yaml: ca, and cert and key if it asks for a client certificate.',
    cause,
  );
}

export function speaksPlaintext(address: string): UpliftError {
  return refusal(
    `Kafka at ${address} speaks plaintext, and kafka.tls is configured.`,
    'Use the port of its TLS listener in kafka.brokers, or remove kafka.tls from uplift.yaml.',
  );
}

export function wantsLogin(address: string, mechanisms: readonly string[]): UpliftError {
  return refusal(
    `Kafka at ${address} wants a login (${mechanisms.join(', ')}), and no kafka.sasl is configured.`,
    'Add kafka.sasl to uplift.yaml: mechanism, username, and password by env or file.',
  );
}

export function takesNoLogin(address: string, cause?: unknown): UpliftError {
  return refusal(
    `Kafka at ${address} takes no login, and kafka.sasl is configured.`,
    'Use the port of its listener with a login in kafka.brokers, or remove kafka.sasl from uplift.yaml.',
    cause,
  );
}

export function otherMechanism(
  { sasl }: KafkaTarget,
  address: string,
  mechanisms: readonly string[],
  cause?: unknown,
): UpliftError {
  const taken = mechanisms.length === 0 ? '' : `; it takes ${mechanisms.join(', ')}`;
  return refusal(
    `Kafka at ${address} takes no login by ${sasl?.mechanism ?? 'that mechanism'}${taken}.`,
    'Set kafka.sasl.mechanism in uplift.yaml to one that it takes.',
    cause,
  );
}

function refusal(message: string, next: string, cause?: unknown): UpliftError {
  return new UpliftError('UPL-KAFKA-AUTH', { message, next, ...(cause === undefined ? {} : { cause }) });
}

import type { UpliftError } from '../../core/error.ts';
import { askRaw, isTlsRecord, type RawAnswer } from './raw.ts';
import {
  authFailure,
  otherMechanism,
  speaksPlaintext,
  speaksTls,
  takesNoLogin,
  wantsLogin,
} from './refusals.ts';
import type { KafkaTarget } from './target.ts';

const ASK_MS = 1500;
const SASL_HANDSHAKE = 17;
const CORRELATION_ID = 0x75706c66;
const UNSUPPORTED_SASL_MECHANISM = 33;
const ILLEGAL_SASL_STATE = 34;

/**
 * A broker that speaks another language than we were told to speak just hangs up. This asks it, on a connection of its
 * own, what it does speak: TLS or plaintext, with or without a login. UPL-KAFKA-AUTH when that is certain from its own
 * answer, undefined when it answered as configured or did not answer.
 */
export async function findMismatch(target: KafkaTarget, address: string): Promise<UpliftError | undefined> {
  const { tls, sasl } = target;
  const request = saslHandshake(sasl?.mechanism ?? 'NONE');
  const answer = await askRaw(address, tls, request, ASK_MS);
  if (answer.error !== undefined) {
    const refused = authFailure(target, address, answer.error);
    if (refused !== undefined) return refused;
  }
  if (tls === undefined && isTlsRecord(answer.bytes)) return speaksTls(address);
  const handshake = parseHandshake(answer);
  if (handshake !== undefined) return judgeHandshake(target, address, handshake);
  if (tls === undefined) return undefined;
  const plain = parseHandshake(await askRaw(address, undefined, request, ASK_MS));
  return plain === undefined ? undefined : speaksPlaintext(address);
}

interface Handshake {
  readonly errorCode: number;
  readonly mechanisms: readonly string[];
}

function judgeHandshake(target: KafkaTarget, address: string, answer: Handshake): UpliftError | undefined {
  const login = target.sasl !== undefined;
  if (answer.errorCode === UNSUPPORTED_SASL_MECHANISM)
    return login
      ? otherMechanism(target, address, answer.mechanisms)
      : wantsLogin(address, answer.mechanisms);
  return answer.errorCode === ILLEGAL_SASL_STATE && login ? takesNoLogin(address) : undefined;
}

/** SaslHandshake v1: header v1 without a client id, then the mechanism. */
function saslHandshake(mechanism: string): Buffer {
  const name = Buffer.from(mechanism);
  const body = Buffer.alloc(4 + 2 + 2 + 4 + 2 + 2);
  body.writeInt32BE(body.length - 4 + name.length, 0);
  body.writeInt16BE(SASL_HANDSHAKE, 4);
  body.writeInt16BE(1, 6);
  body.writeInt32BE(CORRELATION_ID, 8);
  body.writeInt16BE(-1, 12);
  body.writeInt16BE(name.length, 14);
  return Buffer.concat([body, name]);
}

/** Undefined unless it is an answer of Kafka to our request. */
function parseHandshake({ bytes }: RawAnswer): Handshake | undefined {
  if (bytes.length < 14 || bytes.readInt32BE(4) !== CORRELATION_ID) return undefined;
  const mechanisms: string[] = [];
  const count = Math.min(bytes.readInt32BE(10), 20);
  for (let at = 14, left = count; left > 0 && at + 2 <= bytes.length; left -= 1) {
    const end = at + 2 + bytes.readInt16BE(at);
    mechanisms.push(bytes.toString('utf8', at + 2, end));
    at = end;
  }
  return { errorCode: bytes.readInt16BE(8), mechanisms };
}

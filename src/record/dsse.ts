import { sign, verify } from 'node:crypto';
import { z } from 'zod';
import type { PublicKey, SigningKey } from './keys.ts';

/** Media type of an in-toto statement inside an envelope (in-toto attestation framework, "Envelope"). */
export const IN_TOTO_TYPE = 'application/vnd.in-toto+json';

/** A DSSE envelope (github.com/secure-systems-lab/dsse, envelope.md v1.0.2) with one signature. */
export interface DsseEnvelope {
  /** Base64 of the bytes that are meant. */
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly [{ readonly keyid: string; readonly sig: string }];
}

/** Base64 in the one way that an encoder writes it: the last letter could be written in several ways otherwise. */
const base64 = z.string().refine((text) => Buffer.from(text, 'base64').toString('base64') === text);

const envelopeSchema = z.strictObject({
  payload: base64,
  payloadType: z.literal(IN_TOTO_TYPE),
  signatures: z.tuple([z.strictObject({ keyid: z.string(), sig: base64 })]),
});

/** What is signed: type and bytes with their lengths, so that neither can be taken for part of the other (PAE of DSSE v1). */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  const head = `DSSEv1 ${type.length} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** Signs a payload with Ed25519 (RFC 8032; the same bytes give the same signature). */
export function signEnvelope(payload: Uint8Array, key: SigningKey): DsseEnvelope {
  const sig = sign(null, preAuthEncoding(IN_TOTO_TYPE, payload), key.privateKey).toString('base64');
  return {
    payload: Buffer.from(payload).toString('base64'),
    payloadType: IN_TOTO_TYPE,
    signatures: [{ keyid: key.keyId, sig }],
  };
}

/** An envelope as it is read from a record, or undefined for what is none of ours. */
export function readEnvelope(value: unknown): DsseEnvelope | undefined {
  const parsed = envelopeSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** Whether the signature was made by this key over this payload. */
export function isSignedBy(envelope: DsseEnvelope, { key }: PublicKey): boolean {
  const bytes = preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, 'base64'));
  return verify(null, bytes, key, Buffer.from(envelope.signatures[0].sig, 'base64'));
}

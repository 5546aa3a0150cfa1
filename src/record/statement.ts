import canonicalize from 'canonicalize';
import { z } from 'zod';
import type { Json } from '../core/step.ts';
import { type DsseEnvelope, signEnvelope } from './dsse.ts';
import type { SigningKey } from './keys.ts';

/** Name of the journal in a statement, and of its file in the folder of a run. */
export const JOURNAL_FILE = 'journal.ndjson';
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

/** A file that a statement is about. */
export interface Subject {
  readonly name: string;
  readonly sha256: string;
}

/** The seal line and what it ends: with it no byte of the line is free. */
export interface SealFacts {
  readonly runId: string;
  /** Lines before the seal, and the hash of the last of them. */
  readonly count: number;
  readonly head: string;
  /** Of the seal line: who wrote it, when by both clocks. */
  readonly actor: string;
  readonly wall: string;
  readonly monoNs: string;
}

/** What a record is signed as, besides its own lines. */
export interface Signing {
  readonly key: SigningKey;
  readonly predicateType: string;
  readonly predicate: { readonly [field: string]: Json };
  /** Further files of the run. */
  readonly files: readonly Subject[];
}

const digest = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const statementSchema = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(z.strictObject({ name: z.string(), digest })).min(1),
  predicateType: z.string(),
  predicate: z.looseObject({
    record: z.strictObject({
      runId: z.string(),
      count: z.int(),
      head: z.string(),
      actor: z.string(),
      wall: z.string(),
      monoNs: z.string(),
    }),
  }),
});

/** An in-toto Statement v1 (github.com/in-toto/attestation, spec/v1/statement.md) about the files of a run. */
export type Statement = z.infer<typeof statementSchema>;

/** Signs a seal: the statement names the bytes before the seal line, the line itself, and the run's other files. */
export function signSeal(facts: SealFacts, contentSha256: string, signing: Signing): DsseEnvelope {
  const subject = [{ name: JOURNAL_FILE, sha256: contentSha256 }, ...signing.files];
  const statement = {
    _type: STATEMENT_TYPE,
    subject: subject.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: signing.predicateType,
    predicate: { ...signing.predicate, record: { ...facts } },
  };
  return signEnvelope(Buffer.from(canonicalize(statement) ?? ''), signing.key);
}

/** The statement in an envelope, or undefined for what is none. */
export function readStatement({ payload }: DsseEnvelope): Statement | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload, 'base64').toString('utf8'));
    return statementSchema.parse(value);
  } catch {
    return undefined;
  }
}

/** Digest of a file that a statement names; undefined where it names none of this name. */
export function digestOf({ subject }: Statement, name: string): string | undefined {
  return subject.find((one) => one.name === name)?.digest.sha256;
}

import canonicalize from 'canonicalize';
import { isSignedBy, readEnvelope } from './dsse.ts';
import type { PublicKey } from './keys.ts';
import { digestOf, JOURNAL_FILE, readStatement, type SealFacts, type Statement } from './statement.ts';
import type { RecordView } from './verify.ts';

/**
 * What the signature of a sealed record says. `unknownKey`: it may be good, but there is no key to
 * check it with: anybody can write a name there.
 * `broken`: it does not belong to these bytes, or was not made by the key that it names.
 */
export type SignatureCheck =
  | { readonly state: 'unsigned' }
  | { readonly state: 'broken'; readonly why: string }
  | { readonly state: 'unknownKey'; readonly keyId: string; readonly statement: Statement }
  | { readonly state: 'signed'; readonly by: PublicKey; readonly statement: Statement };

/** Checks the signature of a sealed record against the keys that are trusted; pure. An unsealed one is unsigned. */
export function checkSignature(view: RecordView, trusted: readonly PublicKey[]): SignatureCheck {
  const { sealed } = view;
  if (view.status !== 'sealed' || sealed === undefined || view.seal?.dsse === undefined)
    return { state: 'unsigned' };
  const envelope = readEnvelope(view.seal.dsse);
  const statement = envelope === undefined ? undefined : readStatement(envelope);
  if (envelope === undefined || statement === undefined)
    return { state: 'broken', why: 'what stands in place of a signature is none' };
  const { runId, actor, wall, monoNs } = sealed.entry;
  const facts: SealFacts = { runId, count: view.seal.count, head: view.seal.head, actor, wall, monoNs };
  const isOfThis =
    digestOf(statement, JOURNAL_FILE) === sealed.contentSha256 &&
    canonicalize(statement.predicate.record) === canonicalize(facts);
  if (!isOfThis) return { state: 'broken', why: 'it is the signature of another record' };
  const { keyid } = envelope.signatures[0];
  const by = trusted.find(({ keyId }) => keyId === keyid);
  if (by === undefined) return { state: 'unknownKey', keyId: keyid, statement };
  return isSignedBy(envelope, by)
    ? { state: 'signed', by, statement }
    : { state: 'broken', why: `it was not made by the key ${keyid.slice(0, 16)}… that it names` };
}

import type { Entry } from '../../record/envelope.ts';
import type { PublicKey } from '../../record/keys.ts';
import { checkSignature, type SignatureCheck } from '../../record/signature.ts';
import { JOURNAL_FILE, type Statement } from '../../record/statement.ts';
import type { RecordView } from '../../record/verify.ts';
import { HISTORY_FILE, PROBE_FILE } from '../run-folder.ts';
import { historyDigest, predicateOf, probeSha256, RECORD_TYPE } from './seal.ts';

/**
 * Checks the signature of a drill's record, and that what it states is what the lines say: who reads the statement alone
 * (`jq`, another tool) must read the same drill. Pure.
 */
export function checkDrill(view: RecordView, trusted: readonly PublicKey[]): SignatureCheck {
  const check = checkSignature(view, trusted);
  if (check.state !== 'signed' && check.state !== 'unknownKey') return check;
  const why = contradictionOf(check.statement, view.entries);
  return why === undefined ? check : { state: 'broken', why };
}

/** Those that were stated in every version, and that a drill is judged by. */
const STATED = ['drill', 'region', 'execution', 'hypothesis', 'restored', 'acknowledged', 'lost'] as const;

function contradictionOf(
  { predicateType, predicate, subject }: Statement,
  entries: readonly Entry[],
): string | undefined {
  if (predicateType !== RECORD_TYPE) return undefined;
  const lines = predicateOf(entries);
  const field = STATED.find((name) => predicate[name] !== lines[name]);
  if (field !== undefined)
    return `it states ${field} ${String(predicate[field])}, and the lines say ${String(lines[field])}`;
  const said: Readonly<Record<string, string | undefined>> = {
    [HISTORY_FILE]: historyDigest(entries)?.sha256,
    [PROBE_FILE]: probeSha256(entries),
  };
  const file = subject.find(({ name, digest }) => name !== JOURNAL_FILE && said[name] !== digest.sha256);
  return file === undefined ? undefined : `it is about another ${file.name} than the lines name`;
}

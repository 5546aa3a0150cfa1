import type { Finding, FindingStatus } from '../../core/finding.ts';
import { formatCount } from '../../core/units.ts';
import type { FileDigest } from '../../record/digest.ts';
import type { PublicKey } from '../../record/keys.ts';
import type { SignatureCheck } from '../../record/signature.ts';
import type { RecordView } from '../../record/verify.ts';
import { HISTORY_FILE, PROBE_FILE } from '../run-folder.ts';
import { RECORD_TYPE } from './seal.ts';

/**
 * What a record is worth. `signed`: whole, by a key that is known. `unknownKey`: whole, by a key that nobody here vouches
 * for: the signature cannot be checked. `unsigned`: whole, but whoever holds the file could have written it. `incomplete`: never sealed. `broken`: altered.
 */
export type RecordState = 'signed' | 'unknownKey' | 'unsigned' | 'incomplete' | 'broken';

export function recordState({ status }: RecordView, { state }: SignatureCheck): RecordState {
  if (status === 'broken' || state === 'broken') return 'broken';
  return status === 'unsealed' ? 'incomplete' : state;
}

/** The history (or what the store probe wrote) beside a record, against what the record says of it. `unsaid`: it says nothing (older, or cut off). */
export type HistoryLook =
  | { readonly kind: 'equal'; readonly found: FileDigest }
  | { readonly kind: 'different'; readonly why: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unsaid' }
  | { readonly kind: 'none' };

export interface Examined {
  readonly view: RecordView;
  readonly signature: SignatureCheck;
  readonly history: HistoryLook;
  readonly probe: HistoryLook;
  /** As it is typed: for what to do next. */
  readonly run: string;
  /** The run that was asked for; of a file that was handed over the one that it names. Null: it names none. */
  readonly runId: string | null;
  /** The one key that must have signed it; absent: any that is known. */
  readonly named?: PublicKey | undefined;
}

/** Questions, each with its answer: is it whole, who signed it, are history and store probe those it was sealed with. Pure. */
export function examineRecord(examined: Examined): Finding[] {
  return [
    wholeness(examined),
    signatureFinding(examined),
    historyFinding(examined),
    ...probeFinding(examined),
  ];
}

const short = (hash: string): string => hash.slice(0, 16);

function answer(
  id: string,
  title: string,
  status: FindingStatus,
  summary: string,
  more: Partial<Pick<Finding, 'evidence' | 'next'>> = {},
): Finding {
  return { id, title, status, summary, evidence: [], ...more };
}

function wholeness({ view, run }: Examined): Finding {
  const say = (status: FindingStatus, summary: string, next?: string): Finding =>
    answer('record.whole', 'chain and seal are whole', status, summary, next === undefined ? {} : { next });
  const [problem] = view.problems;
  const lines = `${formatCount(view.entries.length + (view.sealed === undefined ? 0 : 1))} lines`;
  if (view.status === 'broken') return say('fail', `line ${problem?.line}: ${problem?.message ?? 'broken'}`);
  if (view.status === 'unsealed') {
    const torn = problem === undefined ? '' : ` ${problem.message}`;
    return say('inconclusive', `${lines}, never sealed.${torn}`, `uplift drill recover ${run}`);
  }
  const { wall, actor } = view.sealed?.entry ?? {};
  return say('pass', `${lines}, head ${short(view.head)}, sealed ${wall} by ${actor}`);
}

function signatureFinding({ view, signature, run, named }: Examined): Finding {
  const say = (status: FindingStatus, summary: string, more = {}): Finding =>
    answer('record.signature', 'it is signed by a known key, over these very bytes', status, summary, more);
  if (view.status !== 'sealed') return say('inconclusive', 'what is not sealed has no signature that counts');
  switch (signature.state) {
    case 'unsigned':
      return say('inconclusive', 'sealed, but not signed: whoever holds the file could have written it');
    case 'broken':
      return say('fail', `the signature is worth nothing: ${signature.why}`);
    case 'unknownKey':
      if (named !== undefined)
        return say(
          'fail',
          `its signature names key ${short(signature.keyId)}, not ${short(named.keyId)} (${named.from})`,
        );
      return say(
        'inconclusive',
        `its signature names key ${short(signature.keyId)}, which is not known here`,
        {
          evidence: [{ query: 'key id', value: signature.keyId }],
          next: `uplift drill verify ${run} --key <file of its public key>`,
        },
      );
    case 'signed': {
      const { by, statement } = signature;
      if (statement.predicateType !== RECORD_TYPE)
        return say('inconclusive', `signed as ${statement.predicateType}, which this uplift does not know`);
      return say('pass', `signed by key ${short(by.keyId)} (${by.from})`);
    }
  }
}

function historyFinding({ history }: Examined): Finding {
  const title = 'the history is the one it was sealed with';
  return fileFinding(['record.history', title, HISTORY_FILE, 'no load had begun'], history);
}

/** Only where there is one, or should be. */
function probeFinding({ probe }: Examined): Finding[] {
  const title = 'what the store probe wrote is what it was sealed with';
  return probe.kind === 'none'
    ? []
    : [fileFinding(['record.probe', title, PROBE_FILE, 'it had no store probe'], probe)];
}

function fileFinding(
  [id, title, file, none]: readonly [string, string, string, string],
  look: HistoryLook,
): Finding {
  const say = (status: FindingStatus, summary: string): Finding => answer(id, title, status, summary);
  switch (look.kind) {
    case 'equal':
      return say('pass', `${formatCount(look.found.bytes)} bytes, SHA-256 ${short(look.found.sha256)}`);
    case 'different':
      return say('fail', look.why);
    case 'missing':
      return say('inconclusive', `${file} is not there`);
    case 'unsaid':
      return say('inconclusive', `the record does not say what its ${file} was`);
    case 'none':
      return say('notApplicable', none);
  }
}

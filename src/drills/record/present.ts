import type { Block } from '../../core/blocks.ts';
import type { Finding, Verdict } from '../../core/finding.ts';
import { verdictOf } from '../../core/finding.ts';
import { formatCount } from '../../core/units.ts';
import type { Examined } from './exam.ts';
import { outcomeOf } from './outcome.ts';

/** `drill verify` for people: what the record says, whether that can be believed, and what that is worth. */
export function presentExam(examined: Examined, findings: readonly Finding[]): Block[] {
  const verdict = verdictOf(findings);
  const rows = [['run', examined.runId ?? 'it names none'] as const, ...saysRows(examined)];
  return [
    { kind: 'keyValues', rows },
    { kind: 'findings', findings },
    { kind: 'verdict', text: verdictText(examined, verdict), mark: MARKS[verdict] },
  ];
}

const MARKS = { pass: 'ok', fail: 'bad', warn: 'warn', inconclusive: 'unknown' } as const;

/** What it says of itself is shown only where nothing of it was altered. */
function saysRows({ view, signature }: Examined): [string, string][] {
  const outcome = outcomeOf(view.entries);
  if (outcome === undefined || view.status !== 'sealed' || signature.state === 'broken') return [];
  const { context, result } = outcome;
  const rows: [string, string][] = [
    ['drill', `${outcome.drill}, region ${outcome.region}, ${outcome.environment}`],
    [
      'outcome',
      `${outcome.execution ?? 'not ended'} · ${outcome.hypothesis ?? 'not readable'} · ${WORDS[outcome.restored]}`,
    ],
  ];
  if (result !== null) {
    const { lost, acknowledged } = result.judgement;
    rows.push(['lost', `${formatCount(lost.length)} of ${formatCount(acknowledged)} acknowledged`]);
    if (result.probe !== null)
      rows.push([
        'lost by the store',
        `${formatCount(result.probe.lostCount)} of ${formatCount(result.probe.acknowledged)} acknowledged to its probe`,
      ]);
  }
  if (context !== null) {
    const { who, versions } = context;
    rows.push(
      ['run by', `${who.user} on ${who.host}, uplift ${who.uplift}, Node ${who.node}`],
      ['approver, as typed', context.approver ?? 'nobody was named'],
      [
        'against',
        versions.map(({ system, name, version }) => `${system} ${name} ${version ?? 'not seen'}`).join(', '),
      ],
      ['configuration', `SHA-256 ${context.configSha256}`],
    );
  }
  return rows;
}

const WORDS = { restored: 'restored', notRestored: 'NOT RESTORED', nothingTouched: 'nothing touched' };

function verdictText({ view, signature, history, probe, named }: Examined, verdict: Verdict): string {
  if (
    view.status === 'sealed' &&
    signature.state === 'unknownKey' &&
    named !== undefined &&
    history.kind !== 'different' &&
    probe.kind !== 'different'
  )
    return 'NOT SIGNED BY THE KEY THAT WAS NAMED: nothing looks altered, but its signature names another key and was not checked.';
  if (verdict === 'fail')
    return 'BROKEN: something was altered since it was sealed; what it says proves nothing.';
  if (view.status === 'unsealed') return 'INCOMPLETE: it was never sealed, and proves nothing.';
  if (verdict === 'pass')
    return 'VERIFIED: nothing was altered since it was signed. That is integrity: who held the key could write what they liked.';
  if (signature.state === 'unsigned')
    return 'SEALED, NOT SIGNED: nothing looks altered, but whoever holds the file could have written it.';
  if (signature.state === 'unknownKey')
    return 'SIGNATURE NOT CHECKED: it names a key that is not known here. Nothing looks altered, but whoever holds the file could have written it.';
  return 'NOT WHOLLY VERIFIED: what could be looked at is not altered.';
}

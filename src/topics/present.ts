import type { Block, DiffEntry } from '../core/blocks.ts';
import { type Finding, verdictOf } from '../core/finding.ts';
import { formatRetention } from '../core/units.ts';
import { creations, refusals, type TopicChange, type TopicsPlan } from './plan.ts';

/** A plan for people: what differs first, then load per broker, then what to type next. */
export function presentPlan(plan: TopicsPlan): Block[] {
  const create = creations(plan).length;
  const refused = refusals(plan).length;
  const equal = plan.changes.length - create - refused;
  const unmanaged =
    plan.unmanaged.length === 0
      ? ''
      : `, ${plan.unmanaged.length} unmanaged (${plan.unmanaged.slice(0, 3).join(', ')})`;
  const changed = plan.changes.filter((change) => change.action !== 'equal');
  const blocks: Block[] = [
    {
      kind: 'heading',
      text: `${plan.region}: ${create} to create, ${refused} refused, ${equal} equal${unmanaged}`,
      sub: `cluster ${plan.clusterId}`,
    },
  ];
  if (changed.length > 0) blocks.push({ kind: 'diff', entries: changed.map(diffEntry) });
  if (create > 0) blocks.push(loadTable(plan));
  return [...blocks, ...conclusion(create, refused)];
}

function conclusion(create: number, refused: number): Block[] {
  if (create + refused === 0) return [{ kind: 'verdict', text: 'Nothing to change.', mark: 'ok' }];
  const text = `Plan: ${create} to create, ${refused} refused.`;
  if (refused > 0) return [{ kind: 'verdict', text, mark: 'bad' }];
  return [
    { kind: 'verdict', text, mark: 'ok' },
    { kind: 'next', command: 'uplift topics apply' },
  ];
}

function diffEntry(change: TopicChange): DiffEntry {
  if (change.action === 'create') {
    const { name, assignment, configs } = change.spec;
    const detail = `${assignment.length} partitions · RF ${assignment[0]?.length ?? 0} · min ISR ${configs['min.insync.replicas'] ?? '?'}`;
    return { sign: '+', name, detail: detail + configNotes(configs), origin: change.origin };
  }
  if (change.action === 'differs') {
    const lines = change.differences.map((d) => `${d.what}   ${d.is} → ${d.shouldBe}`);
    return {
      sign: '!',
      name: change.name,
      detail: 'differs; changing an existing topic is refused',
      origin: change.origin,
      lines,
    };
  }
  if (change.action === 'impossible')
    return { sign: '!', name: change.name, detail: change.reason, origin: change.origin };
  return { sign: '=', name: change.name, detail: 'equal', origin: change.origin };
}

function configNotes(configs: Readonly<Record<string, string>>): string {
  const retention = configs['retention.ms'];
  const notes = [
    configs['cleanup.policy'] === 'compact' ? 'compact' : undefined,
    retention === undefined ? undefined : `keep ${formatRetention(Number(retention))}`,
    configs['message.timestamp.type'] === 'LogAppendTime' ? 'log append time' : undefined,
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? '' : ` · ${notes.join(' · ')}`;
}

function loadTable(plan: TopicsPlan): Block {
  return {
    kind: 'table',
    columns: [
      { title: 'BROKER' },
      { title: 'RACK' },
      { title: 'REPLICAS', align: 'right' },
      { title: 'AFTER', align: 'right' },
    ],
    rows: plan.load.map((row) => [
      String(row.broker),
      row.rack ?? '–',
      String(row.before),
      String(row.after),
    ]),
  };
}

/** Findings of `topics verify` with their verdict. */
export function presentVerify(findings: readonly Finding[]): Block[] {
  const verdict = verdictOf(findings);
  const bad = findings.filter((finding) => finding.status !== 'pass').length;
  const text =
    verdict === 'pass'
      ? `${findings.length} topics are as declared.`
      : `${bad} of ${findings.length} topics are not as declared.`;
  return [
    { kind: 'findings', findings },
    { kind: 'verdict', text, mark: verdict === 'pass' ? 'ok' : 'bad' },
    ...(verdict === 'pass' ? [] : [{ kind: 'next', command: 'uplift topics plan' } as const]),
  ];
}

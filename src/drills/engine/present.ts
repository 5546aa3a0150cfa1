import type { Block, Mark } from '../../core/blocks.ts';
import { formatClock, formatCount, formatMs } from '../../core/units.ts';
import type { Lost } from '../../load/verdicts.ts';
import type { ProbeLoss } from '../probe/judge.ts';
import { RECOVERY_PARTS, type RecoveryPart } from './drill.ts';
import type { DrillResult } from './result.ts';

const SHOWN_LOST = 10;

/** The record that a result stands in. */
export interface ShownRecord {
  readonly lines: number;
  readonly head: string;
  /** Id of the key that signed it; absent: it is sealed only. */
  readonly signedBy?: string | undefined;
}

/** The whole outcome on one screen: counts, losses if any, recovery beside what explains it, verdict. */
export function presentDrill(
  result: DrillResult,
  record: ShownRecord,
  options: { readonly allLost: boolean },
): Block[] {
  const { judgement } = result;
  return [
    {
      kind: 'heading',
      text: `${result.drill} · region ${result.region} · ${result.target} · ${result.environment}`,
      sub: `${result.fault} at ${formatClock(result.faultAtMs)}`,
    },
    {
      kind: 'counts',
      items: [
        ['acknowledged', judgement.acknowledged],
        ['lost', judgement.lost.length],
        ['duplicates', judgement.duplicates.length],
        ['repeated', judgement.repeated.length],
        ['unknown', judgement.unknown],
      ],
    },
    ...(judgement.lost.length === 0
      ? []
      : [lostTable(judgement.lost, options.allLost ? judgement.lost.length : SHOWN_LOST)]),
    ...(result.probe === undefined || result.probe.lost.length === 0
      ? []
      : [probeTable(result.probe.lost, options.allLost ? result.probe.lost.length : SHOWN_LOST)]),
    recoveryTable(result),
    { kind: 'keyValues', rows: evidenceRows(result) },
    { kind: 'verdict', text: verdictText(result, record), mark: markOf(result) },
    { kind: 'next', command: nextOf(result) },
  ];
}

function lostTable(lost: readonly Lost[], most: number): Block {
  const rows = lost
    .slice(0, most)
    .map((one) => [
      one.hop,
      one.eventId,
      formatMs(one.acknowledgedUs / 1000),
      one.claimed === null
        ? 'no readable token'
        : `reservations.commands/${one.claimed.partition} @ ${one.claimed.offset} (${one.whatStandsThere})`,
    ]);
  if (lost.length > most) rows.push([`… ${lost.length - most} more`, '', '', '']);
  return {
    kind: 'table',
    columns: [
      { title: 'LOST AT' },
      { title: 'EVENT ID' },
      { title: 'ACKNOWLEDGED AFTER', align: 'right' },
      { title: 'CLAIMED POSITION' },
    ],
    rows,
  };
}

function probeTable(lost: readonly ProbeLoss[], most: number): Block {
  const rows = lost
    .slice(0, most)
    .map(({ id, acknowledgedAfterFaultMs: ms, missingAt }) => [
      id,
      ms < 0 ? `${formatMs(-ms)} before` : `${formatMs(ms)} after`,
      missingAt.join(', '),
    ]);
  if (lost.length > most) rows.push([`… ${lost.length - most} more`, '', '']);
  return {
    kind: 'table',
    columns: [
      { title: 'LOST BY THE STORE' },
      { title: 'FROM THE FAULT', align: 'right' },
      { title: 'MISSING AT' },
    ],
    rows,
  };
}

export const PART_NAMES: Readonly<Record<RecoveryPart, string>> = {
  detect: 'detect',
  elect: 'elect',
  reconnect: 'reconnect',
  fresh: 'reads fresh',
  slo: 'back inside SLO',
  restored: 'restored',
};

function recoveryTable({ recovery, recoveryTargetMs, expected, restoredInMs }: DrillResult): Block {
  const time = (ms: number | null): string => (ms === null ? 'not seen' : formatMs(ms));
  const measured: Readonly<Record<RecoveryPart, number | null>> = {
    detect: recovery.detectMs,
    elect: recovery.electMs,
    reconnect: recovery.reconnectMs,
    fresh: recovery.freshMs ?? null,
    slo: recovery.backInsideSloMs,
    restored: restoredInMs,
  };
  return {
    kind: 'table',
    columns: [
      { title: 'RECOVERY' },
      { title: 'MEASURED', align: 'right' },
      { title: 'TARGET', align: 'right' },
      { title: 'EXPLAINED BY' },
    ],
    rows: RECOVERY_PARTS.flatMap((part) => {
      const expectation = expected[part];
      if (expectation === undefined) return [];
      const target = part === 'slo' ? `≤ ${formatMs(recoveryTargetMs)}` : '';
      return [[PART_NAMES[part], time(measured[part]), target, expectation.by]];
    }),
  };
}

function evidenceRows(result: DrillResult): [string, string][] {
  const { coverage, finalReads, judgement, proof, topologyDiff } = result;
  const planted = proof.probes.filter(({ named }) => named).length;
  return [
    [
      'fault window',
      `${formatCount(coverage.acknowledgedInFaultWindow)} acknowledged, ${formatCount(coverage.acknowledgedJustBeforeOnVictim)} within 1 s before the fault where it struck`,
    ],
    ['interruption', interruptionText(result)],
    [
      'unknown',
      `${formatCount(judgement.unknown)} of which ${formatCount(judgement.unknownFound)} found in the log`,
    ],
    [
      'ended as',
      `${formatCount(judgement.ends.accepted)} accepted, ${formatCount(judgement.ends.rejected)} rejected, ${formatCount(judgement.ends.deadLettered)} dead-lettered`,
    ],
    [
      'final reads',
      `${finalReads.partitions} partitions (${formatCount(finalReads.commands)} commands, ${formatCount(finalReads.events)} events), ${finalReads.servers} Postgres servers, ${formatCount(finalReads.api)} operations by API`,
    ],
    ['checker', `${planted} of ${proof.probes.length} planted losses named`],
    ...probeRows(result),
    ['topology', topologyDiff.length === 0 ? 'difference empty' : topologyDiff.slice(0, 3).join('; ')],
  ];
}

function probeRows({ probe }: DrillResult): [string, string][] {
  if (probe === undefined) return [];
  const { struck, proof } = probe;
  const silent = struck.silentMs === null ? 'did not end' : formatMs(struck.silentMs);
  return [
    [
      'store probe',
      `${probe.store}, ${probe.durability}: ${formatCount(probe.acknowledged)} acknowledged, ${formatCount(probe.lostCount)} lost, ${formatCount(probe.refused)} refused, ${formatCount(probe.unknown)} unknown (${formatCount(probe.unknownFound)} found)`,
    ],
    [
      'where it struck',
      `${formatCount(struck.acknowledgedJustBefore)} acknowledged within 1 s before, ${formatCount(struck.acknowledgedAfter)} after; silence ${silent}; read back from ${probe.places} places, ${proof.named} of ${proof.planted} planted losses named`,
    ],
  ];
}

function interruptionText({ interruption }: DrillResult): string {
  const { acknowledgementGapMs: gap, errorWindowMs: errors } = interruption;
  const longest =
    gap === null
      ? 'acknowledgements did not come again'
      : `longest without an acknowledgement ${formatMs(gap)}`;
  return `${longest}, ${errors === null ? 'no operation failed' : `errors for ${formatMs(errors)}`}`;
}

function verdictText(result: DrillResult, record: ShownRecord): string {
  const { acknowledged, lost } = result.judgement;
  const restored = result.restored === 'restored' ? 'restored' : 'NOT RESTORED';
  const counts = `${formatCount(acknowledged)} acknowledged, ${formatCount(lost.length)} lost`;
  const why = result.reasons.length === 0 ? '' : ` (${result.reasons.slice(0, 3).join('; ')})`;
  const { signedBy } = record;
  const sealed =
    signedBy === undefined
      ? 'sealed, signed by no known key'
      : `sealed, signed by key ${signedBy.slice(0, 8)}`;
  return `${result.hypothesis.toUpperCase()}${why}: ${counts}; ${restored}. Record ${result.runId} (${sealed}, ${record.lines} lines, head ${record.head.slice(0, 8)}).`;
}

function markOf({ hypothesis, restored }: DrillResult): Mark {
  if (restored !== 'restored' || hypothesis === 'deviated') return 'bad';
  return hypothesis === 'held' ? 'ok' : 'unknown';
}

function nextOf({ runId, restored, judgement, probe }: DrillResult): string {
  // Every step is undone by then and the record sealed: what differs is for the checks to name, not for a recovery.
  if (restored !== 'restored') return 'uplift check';
  return judgement.lost.length + (probe?.lostCount ?? 0) > 0
    ? `uplift drill show ${runId} --lost`
    : `uplift drill show ${runId}`;
}

import { machineTable } from '../support/results-page.ts';
import type { Gaps } from './gaps.ts';

export interface Row {
  readonly name: string;
  readonly fault: string;
  readonly gaps: Gaps;
}

const secondsOf = (ms: number, ended = true): string => `${ended ? '' : '> '}${(ms / 1000).toFixed(1)}`;

/** The page of a run. Pure. */
export function pageOf(run: {
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}): string {
  return [
    '# Which consumer',
    '',
    'Written by `npm run bench:consumers`: two members share 12 partitions that take four records a second each, on three brokers.',
    'One member is killed, or stopped for 12 s. *Gap*: the longest time in which a partition of the hit member gave no record',
    '(static ownership: no decision) to anybody. *Others*: the same for the partitions of the member that was well. *Twice*:',
    'records that were given to two members, or decisions that stand twice.',
    '',
    'Groups: @platformatic/kafka 2.12.1, one consumer each, committing twice a second, a new stream after an error; in KIP-848 the',
    'group has the session (`consumer.session.timeout.ms`; below 45 s brokers need `group.consumer.min.session.timeout.ms`). They only',
    'hand records over: a commands role would have to restore the partitions it is given on top of that. Static ownership: two',
    'processes of the commands role with `SHARE=1/2` and `2/2`; the killed one is started again after a second, as a supervisor',
    'would, and its gap holds the start of Node, the restore, and what had piled up.',
    '',
    `Run at ${run.startedAt}. One fault per row: the order of magnitude counts, not the decimal.`,
    '',
    ...machineTable(run.machine),
    '',
    '| consumer | fault | gap, s | others, s | twice |',
    '| --- | --- | --- | --- | --- |',
    ...run.rows.map(
      ({ name, fault, gaps }) =>
        `| ${name} | ${fault} | ${secondsOf(gaps.victimGapMs, gaps.ended)} | ${secondsOf(gaps.otherGapMs)} | ${gaps.twice} |`,
    ),
    '',
    ...DECISION,
  ].join('\n');
}

const DECISION = [
  '## Decision',
  '',
  'Static ownership stays the default of commands and projector. A partition has exactly one owner that is known before anything',
  'happens, no process that is well stops because another one died, and a process that hangs and comes back finds its partitions as',
  'they were, instead of a second owner. The state of a partition also stays where it is: a group would make somebody restore it at',
  'each rebalance.',
  '',
  'What it costs: nobody takes over. The partitions of a dead owner wait until it runs again, so the gap is the time of the',
  'supervisor plus a start and a restore (the row above); without a supervisor it has no end. A machine that is gone has to be',
  'replaced by one with the same `SHARE`. Commands that were acknowledged meanwhile wait in the log.',
  '',
  "With the blueprint's session of 45 s a group is slower than a restart; tuned to 6 s it is comparable, and works without a",
  'supervisor, at the price of rebalances and of records that two members are given. Both need what is here already (decisions',
  'compared with the log, positions in Postgres), because a group does not keep two owners apart.',
  '',
];

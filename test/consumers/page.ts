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
    'records that were given more than once, to two members or to one again, or decisions that stand twice.',
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
  'Static ownership stays the default of commands and projector. A partition has one owner that is known before anything happens,',
  'no process that is well is made to do anything because another one died, and a process that hangs and comes back finds its',
  'partitions as they were. In a group whose session is shorter than the hang, the partitions have another owner by then, and hundreds',
  'of records were given more than once: a group does not keep two owners apart, so what does (decisions compared with the log,',
  'positions moved by compare-and-set) is needed either way. And the state of a partition stays where it is; a group would make',
  'somebody restore it at each rebalance, which is not in the figures above.',
  '',
  'What it costs: nobody takes over. The partitions of a dead owner wait until it runs again: the time of the supervisor, a start',
  'and a restore, in the first row with the smallest of states (results/bench-service.md has the restore per million events).',
  'Without a supervisor the gap has no end, and a machine that is gone has to be replaced by one with the same `SHARE`. Commands',
  'that were acknowledged meanwhile wait in the log. A hang lasts as long as it lasts.',
  '',
  "With the blueprint's session of 45 s a dead member costs those 45 s in both protocols, several times what a restart takes. Tuned",
  'to 6 s (KIP-848 needs a setting of the brokers for it) a group takes over in about the time of a restart, and needs no supervisor.',
  'That is the better choice for consumers without a state of their own.',
  '',
];

import { slotOf } from '../../clients/postgres/standby.ts';
import type { Finding, FindingStatus } from '../../core/finding.ts';
import { formatMs } from '../../core/units.ts';
import type { Inspection, Standby } from '../actuators/postgres.ts';
import { finding, victimAtHand } from '../engine/conditions.ts';
import { misplaced, syncTextFor } from '../steps/postgres/places.ts';
import type { SetFacts } from './observe.ts';

export interface PreflightFacts extends SetFacts {
  readonly region: string;
  /** Who may be promoted. */
  readonly candidates: readonly string[];
  /** The primary is to be lost without warning: then only what a standby had before it was acknowledged is there. */
  readonly crash: boolean;
}

const LAG_BYTES = 16 * 1024 * 1024;
const TRANSACTION_MS = 5000;

/** Pure: one finding per condition; the drill starts only when all pass. */
export function preflightFindings(facts: PreflightFacts): Finding[] {
  return [
    inPlace(facts),
    closeBehind(facts),
    ruleUnderstood(facts),
    candidateSynchronous(facts),
    quiet(facts),
    rewindable(facts),
    slotsComplete(facts),
    replaying(facts),
    poolLeads(facts),
    victimAtHand('every server of the set', processesOf(facts)),
  ].map((each) => ({ ...each, region: facts.region }));
}

type Judged = (status: FindingStatus, summary: string, next?: string) => Finding;

function judge(id: string, title: string, query: string): Judged {
  return (status, summary, next) => finding(id, title, status, summary, query, next);
}

/** What each server was asked and did not answer, or undefined: a condition that one did not answer is not met. */
function unseen({ inspections }: PreflightFacts): string | undefined {
  const silent = [...inspections].flatMap(([server, seen]) =>
    seen.seen ? [] : [`${server}: ${seen.reason}`],
  );
  return silent.length === 0 ? undefined : silent.join('; ');
}

function inspected({ inspections }: PreflightFacts): [string, Inspection][] {
  return [...inspections].flatMap(([server, seen]): [string, Inspection][] =>
    seen.seen ? [[server, seen.value]] : [],
  );
}

/** One that names every server of which something is not so; silence is inconclusive. */
function everyServer(
  facts: PreflightFacts,
  of: Judged,
  good: string,
  problem: (inspection: Inspection, server: string) => readonly string[],
): Finding {
  const problems = inspected(facts).flatMap(([server, inspection]) =>
    problem(inspection, server).map((what) => `${server} ${what}`),
  );
  if (problems.length > 0) return of('fail', problems.slice(0, 3).join('; '));
  const silent = unseen(facts);
  return silent === undefined ? of('pass', good) : of('inconclusive', silent);
}

function inPlace({ set, looks }: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.set',
    'one server leads and every other one streams from it',
    'pg_stat_replication and pg_stat_wal_receiver on each',
  );
  const differences = misplaced(set, set.primary, looks);
  return differences.length === 0
    ? of('pass', `${set.primary} leads, ${set.servers.length - 1} stream from it`)
    : of('fail', differences.slice(0, 3).join('; '), 'uplift check');
}

function closeBehind(facts: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.lag',
    'every replica is close behind',
    'pg_stat_replication.flush_lsn on the primary',
  );
  const primary = facts.inspections.get(facts.set.primary);
  if (primary?.seen !== true) return of('inconclusive', unseen(facts) ?? 'not asked');
  const behind = primary.value.lagBytes.filter(({ bytes }) => bytes > LAG_BYTES);
  const worst = Math.max(0, ...primary.value.lagBytes.map(({ bytes }) => bytes));
  return behind.length === 0
    ? of('pass', `at most ${worst} bytes`)
    : of('fail', behind.map(({ name, bytes }) => `${name} is ${bytes} bytes behind`).join('; '));
}

/** A rule that names others than the servers of the set, or some of them only, could not be put back as it was. */
function ruleUnderstood({ set, looks, crash }: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.rule',
    'synchronous_standby_names is a rule over exactly the replicas, so that it can be inherited and put back',
    'synchronous_standby_names on the primary',
  );
  const look = looks.get(set.primary);
  if (look?.up !== true) return of('inconclusive', `${set.primary} does not answer`);
  const now = look.synchronousStandbyNames;
  if (now === '' && !crash) return of('pass', 'nothing is synchronous: a planned switch needs no rule');
  if (now === '') return of('fail', 'no commit waits for a standby: a crash would lose acknowledged ones');
  const would = syncTextFor(set, set.primary);
  return now === would ? of('pass', now) : of('fail', `it is '${now}', and would come back as '${would}'`);
}

function candidateSynchronous({ set, looks, candidates, crash }: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.candidate',
    'who may be promoted has every acknowledged commit',
    'pg_stat_replication.sync_state on the primary',
  );
  const look = looks.get(set.primary);
  if (look?.up !== true) return of('inconclusive', `${set.primary} does not answer`);
  if (set.sync === null && !crash) return of('pass', 'the primary is asked to finish first');
  const states = candidates.map((server) => `${server} ${stateOf(look.standbys, server)}`);
  const synchronous = candidates.filter((server) =>
    ['sync', 'quorum'].includes(stateOf(look.standbys, server)),
  );
  const text = states.join(', ') || 'there is no candidate';
  return synchronous.length > 0 ? of('pass', text) : of('fail', text);
}

const stateOf = (standbys: readonly Standby[], server: string): string =>
  standbys.find(({ name }) => name === slotOf(server))?.syncState ?? 'does not stream';

function quiet(facts: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.transactions',
    'no long and no prepared transaction is open',
    'pg_stat_activity and pg_prepared_xacts on each',
  );
  return everyServer(
    facts,
    of,
    `none older than ${formatMs(TRANSACTION_MS)}, none prepared`,
    ({ oldestTransactionMs, preparedTransactions }) => [
      ...(oldestTransactionMs > TRANSACTION_MS
        ? [`has a transaction open for ${formatMs(oldestTransactionMs)}`]
        : []),
      // It would block the standby's promotion target for ever: nobody commits it after the switch.
      ...(preparedTransactions > 0 ? [`has ${preparedTransactions} prepared transactions`] : []),
    ],
  );
}

function rewindable(facts: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.rewind',
    'every server can be rewound and keeps its configuration then',
    'data_checksums, wal_log_hints, config_file and hba_file on each',
  );
  return everyServer(
    facts,
    of,
    'checksums or wal_log_hints, configuration outside the data folder',
    ({ checksums, walLogHints, configInsideData }) => [
      ...(checksums || walLogHints ? [] : ['has neither data checksums nor wal_log_hints']),
      ...(configInsideData
        ? ['has its configuration in its data folder: a rewind would bring that of another server']
        : []),
    ],
  );
}

function slotsComplete(facts: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.slots',
    'the primary has an active physical slot for each replica, and no logical one',
    'pg_replication_slots on each',
  );
  const { set } = facts;
  const wanted = set.servers.filter((server) => server !== set.primary).map(slotOf);
  return everyServer(facts, of, `${wanted.join(', ')} active`, ({ slots }, server) => [
    ...slots
      .filter(({ kind }) => kind === 'logical')
      .map(
        ({ name }) =>
          `has the logical slot ${name}: it does not follow a promotion, and its reader would miss changes`,
      ),
    ...(server === set.primary
      ? wanted
          .filter(
            (name) => !slots.some((slot) => slot.name === name && slot.kind === 'physical' && slot.active),
          )
          .map((name) => `has no active physical slot ${name}`)
      : []),
  ]);
}

function replaying(facts: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.replay',
    'no replica has its replay paused',
    'pg_is_wal_replay_paused on each',
  );
  return everyServer(facts, of, 'every replica replays', ({ replayPaused }) =>
    replayPaused ? ['has its replay paused'] : [],
  );
}

function poolLeads({ pool, set }: PreflightFacts): Finding {
  const of = judge(
    'drill.postgres.pooler',
    'the pooler answers, leads to the primary and does not hold its clients',
    'SHOW DATABASES, and a statement through it',
  );
  if (set.pool === null) return of('inconclusive', 'no unit listens at the pooler of uplift.yaml');
  if (!pool.seen) return of('inconclusive', pool.reason);
  const { look, reaches } = pool.value;
  if (look.paused) return of('fail', 'it is paused', 'RESUME on its console');
  const good = look.server === set.primary && reaches.server === set.primary && reaches.writable;
  return good
    ? of('pass', `${set.pool.unit} leads to ${set.primary}`)
    : of(
        'fail',
        `it leads to ${reaches.server ?? 'nobody'}, which ${reaches.writable ? 'takes' : 'does not take'} writes`,
      );
}

function processesOf({ processes }: PreflightFacts): { readonly ok: boolean; readonly text: string } {
  const each = [...processes.values()];
  const bad = each.find(({ ok }) => !ok);
  return bad ?? { ok: each.length > 0, text: each.map(({ text }) => text).join('; ') };
}

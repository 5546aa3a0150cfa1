import { runChecks } from '../../checks/check.ts';
import { CHECKS } from '../../checks/registry.ts';
import type { SqlTarget } from '../../clients/postgres/ports.ts';
import { slotOf } from '../../clients/postgres/standby.ts';
import { reasonOf } from '../../core/error.ts';
import type { Finding } from '../../core/finding.ts';
import type { Json, Step } from '../../core/step.ts';
import { stepOf } from '../../steps/kind.ts';
import { isExecName } from '../actuators/through.ts';
import { finding } from '../engine/conditions.ts';
import type { Drill, DrillOptions, DrillPorts, Preparation, Prepared } from '../engine/drill.ts';
import { COVERAGE_BESIDE_LOG } from '../engine/judge.ts';
import { notMet } from '../engine/refuse.ts';
import { commandPartitionsOf } from '../kafka/topology.ts';
import { nameOf } from '../names.ts';
import { openProbeSql, postgresProbe } from '../probe/postgres.ts';
import { differencesOf } from '../steps/postgres/hold-set.ts';
import { failoverSteps, holdSetStep, killStep, switchoverSteps } from '../steps/postgres/index.ts';
import { fenceStep, holdPoolStep, rejoinStep } from '../steps/postgres/kinds.ts';
import { lookAtAll, observeSet, type PostgresSet } from '../steps/postgres/set.ts';
import { expectedOf } from './expected.ts';
import { prepareManaged } from './managed.ts';
import { watchSteps } from './moments.ts';
import { observeFacts, type SetFacts } from './observe.ts';
import { preflightFindings } from './preflight.ts';

/** Writes of the probe a second: enough that a loss within a millisecond of the fault has something to show in. */
const PROBE_PER_S = 100;

/** What the two drills differ in. */
export interface Takeover {
  readonly crash: boolean;
  readonly candidates: (facts: SetFacts) => readonly string[];
  readonly steps: (set: PostgresSet, candidates: readonly string[]) => readonly Step[];
  /** The step from whose beginning everything is measured. */
  readonly faultKinds: readonly string[];
  readonly text: (set: PostgresSet, candidates: readonly string[]) => string;
}

/** The primary dies, and the most advanced replica takes over. */
export const LOSS: Takeover = {
  crash: true,
  candidates: ({ set }) => set.servers.filter((server) => server !== set.primary),
  steps: (set) => [
    stepOf(holdSetStep, { set }),
    stepOf(killStep, { set }),
    ...failoverSteps(set, { killedByUs: true }),
  ],
  faultKinds: [killStep.kind],
  text: ({ primary }) => `SIGKILL ${primary} with all its backends`,
};

/** The first synchronous replica takes over as planned. */
export const SWITCHOVER: Takeover = {
  crash: false,
  candidates: (facts) => synchronousFirst(facts).slice(0, 1),
  steps: (set, [to = '']) => [stepOf(holdSetStep, { set }), ...switchoverSteps(set, to)],
  // Clients begin to wait when the pool holds them; without a pool, when the primary stops.
  faultKinds: [holdPoolStep.kind, fenceStep.kind],
  text: ({ primary }, [to = '']) => `switch from ${primary} to ${to}`,
};

/** Kills the primary, takes over by the most advanced replica, and comes back by the planned way. */
export const primaryLoss: Drill = {
  ...nameOf('postgres-primary-loss'),
  question: (region) => `Kill the Postgres primary of ${region}?`,
  // Where its provider fails over by itself, nothing is promoted or rewound by us.
  prepare: (ports, options) =>
    isExecName(options.units) ? prepareManaged(ports, options) : prepare(ports, options, LOSS),
};

/** Switches to a replica and back, both by the planned way. */
export const switchover: Drill = {
  ...nameOf('postgres-switchover'),
  question: (region) => `Switch the Postgres primary of ${region} to a replica and back?`,
  prepare: (ports, options) => prepare(ports, options, SWITCHOVER),
};

/** Pure: the replicas, those first that count for synchronous commits. */
export function synchronousFirst({ set, looks }: Pick<SetFacts, 'set' | 'looks'>): string[] {
  const look = looks.get(set.primary);
  const standbys = look?.up === true ? look.standbys : [];
  const counts = (server: string): boolean =>
    standbys.some(({ name, syncState }) => name === slotOf(server) && ['sync', 'quorum'].includes(syncState));
  const replicas = set.servers.filter((server) => server !== set.primary);
  return [...replicas.filter(counts), ...replicas.filter((server) => !counts(server))];
}

async function prepare(ports: DrillPorts, options: DrillOptions, takeover: Takeover): Promise<Preparation> {
  const look = await ports.look();
  const checks = runChecks(CHECKS, look);
  const facts = await factsOf(ports, options);
  if ('finding' in facts) return { kind: 'refused', findings: [...checks, facts.finding] };
  const candidates = takeover.candidates(facts);
  const findings = [
    ...checks,
    ...preflightFindings({
      ...facts,
      region: options.region,
      candidates,
      crash: takeover.crash,
    }),
  ];
  if (notMet(findings).length > 0) return { kind: 'refused', findings };
  return {
    kind: 'ready',
    findings,
    expected: expectedOf(facts, takeover.crash),
    ...planOf(facts.set, candidates, takeover),
    commandPartitions: look.kafka.state.seen ? commandPartitionsOf(look.kafka.state.value) : 0,
    ...looksOf(ports, options, facts.set, { pooled: facts.pooled, crash: takeover.crash }),
  };
}

async function factsOf(
  { context, clock, writer, replicas, pooled }: DrillPorts,
  { units }: DrillOptions,
): Promise<(SetFacts & { readonly pooled: SqlTarget }) | { readonly finding: Finding }> {
  const title = 'one server leads, and a pooler stands before it';
  const refuse = (reason: string): { readonly finding: Finding } => ({
    finding: finding('drill.postgres.set', title, 'inconclusive', reason, 'unit files and servers'),
  });
  if (pooled === undefined) return refuse('uplift.yaml names no pooler');
  const servers = [writer, ...replicas].map(({ name }) => name);
  try {
    const { database, port: poolerPort } = pooled;
    const facts = await observeFacts(context, { units, servers, database, poolerPort }, () => clock.nowMs());
    return { ...facts, pooled };
  } catch (error) {
    return refuse(reasonOf(error));
  }
}

type Planned = Pick<
  Prepared,
  'target' | 'victim' | 'blast' | 'topology' | 'steps' | 'faultAt' | 'fault' | 'partitions' | 'coverageNeeded'
>;

/** Pure: who is hit, how, and what is undone afterwards. */
export function planOf(set: PostgresSet, candidates: readonly string[], takeover: Takeover): Planned {
  const steps = takeover.steps(set, candidates);
  const text = takeover.text(set, candidates);
  const rule =
    set.sync === null
      ? 'nothing synchronous'
      : `${set.sync.method} ${set.sync.count} of ${set.sync.names.length} synchronous`;
  return {
    target: `Postgres ${set.servers.join(', ')}`,
    victim: { id: set.primary, text: `${set.primary} (primary, ${rule})` },
    blast: { hit: 1, of: set.servers.length, what: 'servers' },
    topology: structuredClone(set) as Json,
    steps,
    faultAt: steps.findIndex(({ kind }) => takeover.faultKinds.includes(kind)),
    fault: text,
    partitions: undefined,
    coverageNeeded: COVERAGE_BESIDE_LOG,
  };
}

type Looks = Pick<Prepared, 'moved' | 'watch' | 'probe' | 'secondFailure' | 'differences'>;

function looksOf(
  { context, clock, writer, replicas }: DrillPorts,
  { runId }: DrillOptions,
  set: PostgresSet,
  { pooled, crash }: { readonly pooled: SqlTarget; readonly crash: boolean },
): Looks {
  const monoNs = (): bigint => clock.monoNs();
  const probe = postgresProbe({
    openSql: () => openProbeSql(pooled),
    servers: [writer, ...replicas],
    runId,
    ratePerS: PROBE_PER_S,
    monoNs,
  });
  return {
    async moved() {
      const { primary } = await observeSet(context, set);
      return primary === set.primary
        ? undefined
        : `${primary} leads now, it was ${set.primary} at the preflight`;
    },
    watch: () => watchSteps({ monoNs, planned: !crash, probe }),
    probe,
    async secondFailure(step) {
      const looks = await lookAtAll(set, context.postgresOf(set.units));
      const mayBeAway = awayByStep(set, step);
      const away = [...looks].flatMap(([server, look]) =>
        look.up || mayBeAway.includes(server) ? [] : [`${server} (${look.reason})`],
      );
      return away.length === 0 ? undefined : `${away.join(', ')} is gone as well`;
    },
    differences: () => differencesOf(set, context),
  };
}

/** Pure: the servers that a takeover itself may have stopped: the old primary, and who is made a replica anew. */
export function awayByStep({ servers, primary }: PostgresSet, step: Step | undefined): readonly string[] {
  if (step === undefined) return [];
  return step.kind === rejoinStep.kind ? servers : [primary];
}

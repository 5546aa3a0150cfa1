import { runChecks } from '../../checks/check.ts';
import { CHECKS } from '../../checks/registry.ts';
import type { SqlTarget } from '../../clients/postgres/ports.ts';
import { type Observed, observe } from '../../facts/observed.ts';
import { askWriter, type WriterLook } from '../../facts/postgres/writer.ts';
import { stepOf } from '../../steps/kind.ts';
import type { Held } from '../actuators/process.ts';
import { finding, victimAtHand } from '../engine/conditions.ts';
import type { DrillOptions, DrillPorts, Moments, Preparation, Prepared } from '../engine/drill.ts';
import { COVERAGE_BESIDE_LOG } from '../engine/judge.ts';
import { notMet } from '../engine/refuse.ts';
import { watchMoments } from '../engine/watch.ts';
import { commandPartitionsOf } from '../kafka/topology.ts';
import { firstAckNs } from '../probe/judge.ts';
import { openProbeSql, postgresProbe } from '../probe/postgres.ts';
import type { StoreProbe } from '../probe/probe.ts';
import { loseManagedStep, type ManagedPostgres } from '../steps/postgres/managed.ts';

const PROBE_PER_S = 100;
const LOOK_EVERY_MS = 250;

/** What a managed primary is looked at for before it is lost. */
export interface ManagedFacts {
  readonly region: string;
  readonly server: string;
  readonly writer: Observed<WriterLook>;
  readonly hasPooler: boolean;
  readonly held: Held;
}

/** Pure: one finding per condition; the drill starts only when all pass. */
export function managedFindings(facts: ManagedFacts) {
  const { server, writer, hasPooler, held, region } = facts;
  const summary = !writer.seen
    ? writer.reason
    : `${server} ${writer.value.takesWrites ? 'takes' : 'does not take'} writes, ${writer.value.standbys} stream from it`;
  const status = !writer.seen ? 'inconclusive' : writer.value.takesWrites ? 'pass' : 'fail';
  const pooler = hasPooler
    ? 'named in uplift.yaml'
    : 'uplift.yaml names none (where there is none: the address of the writer)';
  return [
    finding(
      'drill.postgres.set',
      'the writer takes writes',
      status,
      summary,
      'pg_is_in_recovery on the writer',
    ),
    finding(
      'drill.postgres.pooler',
      'what the service writes through is known: the probe goes there too',
      hasPooler ? 'pass' : 'inconclusive',
      pooler,
      'uplift.yaml',
    ),
    victimAtHand(`Postgres ${server}`, held),
  ].map((each) => ({ ...each, region }));
}

/**
 * The loss of a primary whose provider fails over by itself: uplift asks for it, and watches whoever answers at the
 * writer's address. Who is promoted, fenced and rewound is the provider's affair, and not seen.
 */
export async function prepareManaged(ports: DrillPorts, options: DrillOptions): Promise<Preparation> {
  const look = await ports.look();
  const checks = runChecks(CHECKS, look);
  const { managed } = ports.context;
  const { name: server, ask } = ports.writer;
  const writer = await observe(
    () => ports.clock.nowMs(),
    () => askWriter(ask),
  );
  const findings = [
    ...checks,
    ...managedFindings({
      ...{ region: options.region, server, writer, hasPooler: ports.pooled !== undefined },
      held: (await managed?.of(options.units).describe(server)) ?? { ok: false, text: 'no commands' },
    }),
  ];
  const { pooled } = ports;
  if (notMet(findings).length > 0 || !writer.seen || pooled === undefined || managed === undefined)
    return { kind: 'refused', findings };
  const { startedAt, standbys } = writer.value;
  const { replicas } = ports;
  const text = `Postgres ${server} (primary, ${standbys} stream from it)`;
  return {
    kind: 'ready',
    findings,
    target: `Postgres ${server}, managed`,
    victim: { id: server, text },
    // Where uplift.yaml names no replica there is one all the same, or there would be nothing to fail over to.
    blast: { hit: 1, of: 1 + Math.max(1, replicas.length), what: 'servers' },
    topology: { server, standbys },
    steps: [stepOf(loseManagedStep, { units: options.units, server, startedAt, standbys })],
    faultAt: 0,
    fault: `the kill command on ${text}`,
    partitions: undefined,
    coverageNeeded: COVERAGE_BESIDE_LOG,
    commandPartitions: look.kafka.state.seen ? commandPartitionsOf(look.kafka.state.value) : 0,
    expected: EXPECTED,
    ...looksOf(ports, options, { managed, pooled, was: writer.value }),
  };
}

const EXPECTED: Prepared['expected'] = {
  elect: {
    expectedMs: null,
    by: 'the provider; seen when another life of the server answers at the address',
  },
  reconnect: { expectedMs: null, by: 'the next commit of the probe: DNS, pooler, connection timeouts' },
  slo: { expectedMs: null, by: 'p99, errors and rate for 3 s, against the baseline' },
  restored: {
    expectedMs: null,
    by: 'the provider says that it runs; writes, and as many standbys as before',
  },
};

type Looks = Pick<Prepared, 'moved' | 'watch' | 'probe' | 'secondFailure' | 'differences'>;

function looksOf(
  { clock, writer, replicas }: DrillPorts,
  { runId, units }: DrillOptions,
  found: { readonly managed: ManagedPostgres; readonly pooled: SqlTarget; readonly was: WriterLook },
): Looks {
  const { managed, pooled, was } = found;
  const monoNs = (): bigint => clock.monoNs();
  const probe = postgresProbe({
    openSql: () => openProbeSql(pooled),
    servers: [writer, ...replicas],
    ...{ runId, ratePerS: PROBE_PER_S, monoNs },
  });
  return {
    probe,
    async moved() {
      const now = await askWriter(writer.ask);
      return now.startedAt === was.startedAt && now.takesWrites
        ? undefined
        : `${writer.name} is not the server it was at the preflight`;
    },
    watch: (deadlineMs) => watchWriter({ look: () => askWriter(writer.ask), was, probe, monoNs, deadlineMs }),
    async secondFailure() {
      for (const { name, ask } of replicas) {
        const answers = await ask.query('SELECT 1', [], { timeoutMs: 3000 }).then(
          () => true,
          () => false,
        );
        if (!answers) return `${name} is gone as well`;
      }
      return undefined;
    },
    async differences() {
      const now = await managed.look();
      return [
        ...((await managed.of(units).running(writer.name)) ? [] : [`${writer.name} does not run`]),
        ...(now.takesWrites ? [] : [`${writer.name} takes no writes`]),
        ...(now.standbys < was.standbys ? [`${now.standbys} of ${was.standbys} standbys stream`] : []),
      ];
    },
  };
}

/** Elected is another life of the server that takes writes; nobody has to notice what was asked for. */
export function watchWriter(request: {
  readonly look: () => Promise<WriterLook>;
  readonly was: WriterLook;
  readonly probe: Pick<StoreProbe, 'writes' | 'struck'>;
  readonly monoNs: () => bigint;
  readonly deadlineMs: number;
}) {
  const { look, was, probe, monoNs, deadlineMs } = request;
  const watch = watchMoments({
    ...{ intervalMs: LOOK_EVERY_MS, deadlineMs },
    look: async (known) => {
      const now = await look();
      const another = now.takesWrites && now.startedAt !== was.startedAt;
      return another ? { ...known, electedNs: monoNs() } : known;
    },
  });
  const moments = (): Moments => {
    const known = watch.moments();
    return { ...known, reconnectedNs: known.electedNs === null ? null : firstAckNs(probe, known.electedNs) };
  };
  return { stop: watch.stop, moments, settled: () => moments().reconnectedNs !== null };
}

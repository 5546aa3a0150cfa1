import { runChecks } from '../../checks/check.ts';
import { CHECKS } from '../../checks/registry.ts';
import { formatMs } from '../../core/units.ts';
import { stepOf } from '../../steps/kind.ts';
import { strikeText } from '../actuators/through.ts';
import { finding, victimAtHand } from '../engine/conditions.ts';
import type { Drill, DrillOptions, DrillPorts, Preparation, Prepared } from '../engine/drill.ts';
import { COVERAGE_BESIDE_LOG } from '../engine/judge.ts';
import { notMet } from '../engine/refuse.ts';
import { commandPartitionsOf } from '../kafka/topology.ts';
import { nameOf } from '../names.ts';
import { killProjectorStep, startProcessStep } from '../steps/service/index.ts';
import { isFresh, watchFresh } from './fresh.ts';

/** Kills the first projector and starts it again, as its supervisor would. */
export const projectorLoss: Drill = {
  ...nameOf('projector-loss'),
  question: (region) => `Kill a projector of ${region}?`,
  prepare,
};

async function prepare(ports: DrillPorts, options: DrillOptions): Promise<Preparation> {
  const facts = await ports.look();
  const checks = runChecks(CHECKS, facts);
  const [victim] = ports.service.projectors;
  const query = 'service in uplift.yaml';
  const title = 'a projector is named in uplift.yaml';
  if (victim === undefined || !facts.kafka.state.seen) {
    const missing = finding('drill.projector', title, 'inconclusive', 'none', query);
    return { kind: 'refused', findings: [...checks, missing] };
  }
  const { id } = victim;
  const actuator = ports.context.serviceOf(options.units);
  const findings = [
    ...checks,
    ...[
      finding('drill.projector', title, 'pass', id, query),
      victimAtHand(id, await actuator.describe(id)),
    ].map((each) => ({ ...each, region: options.region })),
  ];
  if (notMet(findings).length > 0) return { kind: 'refused', findings };
  return {
    kind: 'ready',
    findings,
    ...planOf(ports, options, id),
    commandPartitions: commandPartitionsOf(facts.kafka.state.value),
    expected: expectedOf(facts.limits.projectionFreshness),
    ...looksOf(ports, options, id),
  };
}

type Planned = Pick<
  Prepared,
  'target' | 'victim' | 'blast' | 'topology' | 'steps' | 'faultAt' | 'fault' | 'partitions' | 'coverageNeeded'
>;

/** Pure: who is hit, how, and what is undone afterwards. */
export function planOf(
  { service }: Pick<DrillPorts, 'service'>,
  { units, region }: Pick<DrillOptions, 'units' | 'region'>,
  id: string,
): Planned {
  const { projectors } = service;
  const share = projectors.length === 1 ? 'the only projector' : `one of ${projectors.length} projectors`;
  const args = { units, id };
  return {
    target: `projection of ${region}`,
    victim: { id, text: `${id} (${share})` },
    blast: { hit: 1, of: Object.values(service).flat().length, what: 'processes of the service' },
    topology: { process: id },
    steps: [stepOf(killProjectorStep, args), stepOf(startProcessStep, args)],
    faultAt: 0,
    fault: strikeText(units, { signal: 'SIGKILL', act: 'kill' }, `${id} (${share})`),
    partitions: undefined,
    coverageNeeded: COVERAGE_BESIDE_LOG,
  };
}

type Looks = Pick<Prepared, 'moved' | 'watch' | 'secondFailure' | 'differences'>;

function looksOf(ports: DrillPorts, { units, timeoutMs }: DrillOptions, id: string): Looks {
  const { context, clock, read, writer, replicas } = ports;
  const actuator = context.serviceOf(units);
  const away = async (): Promise<string[]> => ((await actuator.running(id)) ? [] : [`${id} does not run`]);
  const servers = [writer, ...replicas];
  const request = { read, servers, timeoutMs };
  return {
    async moved() {
      return (await away())[0];
    },
    watch: (deadlineMs) => watchFresh({ ...request, monoNs: () => clock.monoNs(), deadlineMs }),
    async secondFailure() {
      const others = ports.service.projectors.filter((other) => other.id !== id);
      for (const other of others)
        if (!(await actuator.running(other.id))) return `${other.id} is gone as well`;
      return undefined;
    },
    async differences() {
      const fresh = await isFresh(request, timeoutMs, new AbortController().signal);
      return [...(await away()), ...(fresh ? [] : ['the projection has not caught up on every server'])];
    },
  };
}

function expectedOf(freshnessMs: number): Prepared['expected'] {
  return {
    detect: { expectedMs: null, by: 'the drill starts it again at once; a supervisor adds its own delay' },
    fresh: {
      expectedMs: null,
      by: `limits.projectionFreshness ${formatMs(freshnessMs)} once it runs; its positions stand in Postgres`,
    },
    slo: { expectedMs: null, by: 'p99, errors and rate for 3 s, against the baseline' },
    restored: {
      expectedMs: null,
      by: 'the process is ready, the projection has passed the ends of the events',
    },
  };
}

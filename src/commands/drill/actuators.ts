import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UpliftError } from '../../core/error.ts';
import type { Deps } from '../../deps.ts';
import { type ExecActuators, execActuators } from '../../drills/actuators/exec.ts';
import { processPooler } from '../../drills/actuators/pooler-process.ts';
import { processPostgres } from '../../drills/actuators/postgres-process.ts';
import { processActuator, processRedis, processService } from '../../drills/actuators/process.ts';
import { execName, isExecName } from '../../drills/actuators/through.ts';
import type { DrillStepContext } from '../../drills/steps.ts';
import { lookAtWriter } from '../shared/look.ts';
import { besideConfig } from '../shared/project.ts';
import type { Region } from '../shared/region.ts';

type Actuators = Pick<
  DrillStepContext,
  'actuatorOf' | 'redisOf' | 'serviceOf' | 'postgresOf' | 'poolerOf' | 'managed'
>;

/** What the drills of a region act through, as steps journal it. A region without an actuator cannot be broken by us (78). */
export function unitsOf(region: Region): string {
  const units = declared(region);
  if (units !== undefined) return units;
  throw new UpliftError('UPL-CONFIG-INVALID', {
    message: `Region ${region.config.name} has no actuator: uplift has no way to stop and start its brokers.`,
  });
}

function declared({ config: { actuator, name }, project }: Region): string | undefined {
  if (actuator === undefined) return undefined;
  return actuator.kind === 'exec' ? execName(name) : besideConfig(project, actuator.units);
}

/**
 * The actuators of a region, as uplift.yaml declares them now. A step says what it acted through, and acts through
 * nothing else: a journal that names other unit files, or commands that are no more, runs nothing.
 */
export function actuatorsOf(deps: Deps, region: Region): Actuators {
  const checked =
    <T>(make: (units: string) => T) =>
    (units: string): T =>
      make(requireSame(region, units));
  const { actuator } = region.config;
  if (actuator?.kind !== 'exec')
    return {
      actuatorOf: checked(processActuator),
      redisOf: checked(processRedis),
      serviceOf: checked(processService),
      postgresOf: checked(processPostgres),
      poolerOf: (units, pool) => processPooler(requireSame(region, units), pool),
    };
  const exec: ExecActuators = execActuators({
    name: region.config.name,
    config: actuator,
    cwd: dirname(region.project.configFile),
    env: deps.env,
    // Beside the journals: whoever goes on with one from another host has to know what was begun.
    askedFolder: join(region.project.journalDir, 'exec'),
    redisNodes: region.config.redis?.nodes ?? [],
    services: Object.values(region.config.service ?? {}).flat(),
    writer: region.config.postgres?.writer,
  });
  return {
    actuatorOf: checked(() => exec.brokers),
    redisOf: checked(() => exec.redis),
    serviceOf: checked(() => exec.service),
    postgresOf: () => noTakeover(region),
    poolerOf: () => noTakeover(region),
    // Its looks do not end with the signal that stops the drill: a restore asks them too.
    managed: { of: checked(() => exec.postgres), look: () => lookAtWriter(deps, region) },
  };
}

/** Throws what a person has to know who asks for a Postgres drill where only commands act. */
function noTakeover({ config: { name } }: Region): never {
  throw new Error(
    `region ${name} is acted on by commands (actuator: exec): uplift can fence, promote and rewind Postgres servers that run from unit files only`,
  );
}

/** What uplift.yaml declares now, where a step names the same; what a journal says is never acted on itself. */
function requireSame(region: Region, units: string): string {
  const now = declared(region);
  if (now !== undefined && (now === units || realOf(now) === realOf(units))) return now;
  const was = isExecName(units) ? 'commands of uplift.yaml (actuator: exec)' : `the unit files in ${units}`;
  const has = now === undefined ? 'no actuator' : isExecName(now) ? 'commands' : `the unit files in ${now}`;
  throw new Error(
    `it was begun through ${was}, and region ${region.config.name} has ${has} now: put that back into uplift.yaml`,
  );
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

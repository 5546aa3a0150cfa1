import { dirname } from 'node:path';
import type { Unit } from '../clients/process/unit.ts';
import { UpliftError } from '../core/error.ts';
import { configFile } from './config-file.ts';
import { planKafka } from './kafka-plan.ts';
import type { PlanContext, PlannedFile, PlanPart } from './plan-context.ts';
import { planPostgres } from './postgres-plan.ts';
import { planRedis } from './redis-plan.ts';
import { planService } from './service-plan.ts';

/** Everything `sandbox up` writes and starts, as a value. */
export interface SandboxPlan {
  readonly units: readonly Unit[];
  readonly files: readonly PlannedFile[];
  readonly folders: PlanPart['folders'];
  /** Text of the sandbox's own uplift.yaml. */
  readonly config: string;
}

/** Pure: options, ports, programs and random values in; units, folders and configuration files out. */
export function sandboxPlan(context: PlanContext): SandboxPlan {
  refuseQuotes(context);
  const parts = [planKafka(context), planPostgres(context), planRedis(context), planService(context)];
  const { paths } = context;
  const own = [paths.serverRoot, paths.conf, paths.data, paths.logs, paths.units].map((path) => ({
    path,
    mode: 0o755,
  }));
  return {
    units: parts
      .flatMap((part) => part.units)
      .map((unit) => ({ ...unit, labels: { ...unit.labels, sandbox: context.options.name } })),
    files: [
      { path: paths.passwordFile, text: `${context.password}\n`, mode: 0o600 },
      ...parts.flatMap((part) => part.files),
    ],
    folders: [...own, ...parts.flatMap((part) => part.folders)],
    config: configFile(context),
  };
}

/** Five configuration languages quote differently; a path with a quote in it would be understood by none of them. */
function refuseQuotes({ paths }: PlanContext): void {
  const odd = [paths.dir, paths.serverRoot].find((path) => /['"\\\n]/.test(path));
  if (odd === undefined) return;
  throw new UpliftError('UPL-USAGE', {
    message: `A sandbox cannot live in ${dirname(odd)}: quotes and backslashes in the path break the servers' configuration files.`,
    next: 'uplift sandbox up --state-dir <another folder>',
  });
}

/** The order to stop in: who uses a server goes before the server. Units of one tier stop together. */
export function stopTiers<U extends Unit>(units: readonly U[]): readonly (readonly U[])[] {
  const tier = (pick: (unit: U) => boolean): readonly U[] => units.filter(pick);
  return [
    tier((unit) => unit.kind === 'service'),
    tier((unit) => unit.kind === 'pgbouncer'),
    tier((unit) => unit.kind === 'postgres' && unit.labels.role !== 'primary'),
    tier((unit) => unit.kind === 'postgres' && unit.labels.role === 'primary'),
    tier((unit) => unit.kind === 'redis'),
    tier((unit) => unit.kind === 'kafka'),
  ].filter((units_) => units_.length > 0);
}

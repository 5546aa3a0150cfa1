import { UpliftError } from '../core/error.ts';

/** What a sandbox is made of. Everything else follows from it. */
export interface SandboxOptions {
  readonly name: string;
  readonly brokers: number;
  readonly racks: number;
  /** False: only the servers (Kafka, Postgres, PgBouncer, Redis), no reference service. */
  readonly service: boolean;
  /** Partitions of the reservation topics; the service's processes share them out. */
  readonly partitions: number;
  /** Kafka takes TLS connections with a login (SCRAM-SHA-512) only. */
  readonly secure: boolean;
}

export const DEFAULT_OPTIONS: SandboxOptions = {
  name: 'demo',
  brokers: 3,
  racks: 3,
  service: true,
  partitions: 24,
  secure: false,
};

/** One block of ports holds a sandbox of this size; more Kafka nodes than that do not fit on one machine anyway. */
export const MAX_BROKERS = 16;
const MAX_RACKS = 26;
const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** Fills in defaults and refuses what cannot be built (UPL-USAGE), all reasons at once. */
export function sandboxOptions(given: Partial<SandboxOptions>): SandboxOptions {
  const options = { ...DEFAULT_OPTIONS, ...given };
  const wrong = [
    NAME.test(options.name)
      ? []
      : [`--name "${options.name}" must be lower case letters, digits and dashes, at most 32`],
    within(options.brokers, MAX_BROKERS) ? [] : [`--brokers must be 1 to ${MAX_BROKERS}`],
    within(options.racks, MAX_RACKS) ? [] : [`--racks must be 1 to ${MAX_RACKS}`],
    within(options.partitions, 1000) ? [] : ['partitions must be 1 to 1000'],
  ].flat();
  if (wrong.length === 0) return options;
  throw new UpliftError('UPL-USAGE', { message: `${wrong.join('; ')}.`, next: 'uplift sandbox up --help' });
}

const within = (value: number, max: number): boolean => Number.isInteger(value) && value >= 1 && value <= max;

/** az-a, az-b, … */
export function rackName(index: number): string {
  return `az-${String.fromCharCode('a'.charCodeAt(0) + index)}`;
}

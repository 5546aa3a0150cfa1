import { z } from 'zod';
import { unfillable } from './actuator.ts';
import { environmentSchema, type RegionConfig, regionSchema } from './regions.ts';
import { defineSection, type RuleProblem } from './section.ts';

const MAX_PORT = 65_535;

export const versionSection = defineSection({
  key: 'version',
  schema: z.literal(1, { error: (issue) => (issue.input === undefined ? undefined : 'must be 1') }),
  describe: 'Version of this file format; 1.',
});

export const environmentSection = defineSection({
  key: 'environment',
  schema: environmentSchema,
  describe: 'What this platform is called, and whether it is production.',
});

export const regionsSection = defineSection({
  key: 'regions',
  schema: z.array(regionSchema).min(1),
  describe: 'The regions with their endpoints.',
  rules: [uniqueRegionNames, goodPorts, uniqueEndpoints, completeKeyPairs, fillableCommands],
  // The later one wins: our own name over the blueprint's.
  env: ['KAFKA_BROKERS', 'UPLIFT_KAFKA_BROKERS'].map((name) => ({
    name,
    path: ['regions', 0, 'kafka', 'brokers'],
    parse: splitList,
    onlyWithOneRegion: true,
  })),
});

/** What every uplift.yaml has. Capabilities add their own sections. */
export const BASE_SECTIONS = [versionSection, environmentSection, regionsSection] as const;

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function* uniqueRegionNames(regions: readonly RegionConfig[]): Generator<RuleProblem> {
  const seen = new Map<string, number>();
  for (const [at, { name }] of regions.entries()) {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, at);
    else yield { path: ['regions', at, 'name'], message: `is already the name of regions[${first}]` };
  }
}

function* goodPorts(regions: readonly RegionConfig[]): Generator<RuleProblem> {
  for (const [at, region] of regions.entries()) {
    for (const [path, address] of addresses(region)) {
      const port = Number(address.slice(address.lastIndexOf(':') + 1));
      if (port < 1 || port > MAX_PORT)
        yield { path: ['regions', at, ...path], message: `has port ${port}; ports go from 1 to ${MAX_PORT}` };
    }
  }
}

function addresses(region: RegionConfig): [path: (string | number)[], address: string][] {
  const { kafka, postgres, redis } = region;
  return [
    ...kafka.brokers.map((address, at): [(string | number)[], string] => [['kafka', 'brokers', at], address]),
    ...(postgres === undefined
      ? []
      : ([[['postgres', 'writer', 'address'], postgres.writer.address]] as [(string | number)[], string][])),
    ...(postgres?.replicas ?? []).map(({ address }, at): [(string | number)[], string] => [
      ['postgres', 'replicas', at, 'address'],
      address,
    ]),
    ...(postgres?.pooler === undefined
      ? []
      : ([[['postgres', 'pooler'], postgres.pooler]] as [(string | number)[], string][])),
    ...(redis?.nodes ?? []).map((address, at): [(string | number)[], string] => [
      ['redis', 'nodes', at],
      address,
    ]),
  ];
}

function* uniqueEndpoints(regions: readonly RegionConfig[]): Generator<RuleProblem> {
  for (const [at, region] of regions.entries()) {
    for (const role of ['gateways', 'commands', 'projectors', 'sweepers'] as const) {
      yield* twice(region.service?.[role].map((one) => one.id) ?? [], (index) => [
        'regions',
        at,
        'service',
        role,
        index,
        'id',
      ]);
    }
    const servers =
      region.postgres === undefined
        ? []
        : [...region.postgres.replicas, region.postgres.writer].map((one) => one.name);
    yield* twice(servers, (index) =>
      index < servers.length - 1
        ? ['regions', at, 'postgres', 'replicas', index, 'name']
        : ['regions', at, 'postgres', 'writer', 'name'],
    );
    yield* twice(region.kafka.brokers, (index) => ['regions', at, 'kafka', 'brokers', index]);
  }
}

function* twice(
  names: readonly string[],
  pathOf: (index: number) => (string | number)[],
): Generator<RuleProblem> {
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) yield { path: pathOf(index), message: `repeats ${name}` };
  }
}

function* completeKeyPairs(regions: readonly RegionConfig[]): Generator<RuleProblem> {
  for (const [at, { kafka }] of regions.entries()) {
    const { cert, key } = kafka.tls ?? {};
    if ((cert === undefined) === (key === undefined)) continue;
    const missing = cert === undefined ? 'cert' : 'key';
    yield {
      path: ['regions', at, 'kafka', 'tls'],
      message: `has a client ${cert === undefined ? 'key' : 'certificate'} but no ${missing}`,
    };
  }
}

function* fillableCommands(regions: readonly RegionConfig[]): Generator<RuleProblem> {
  for (const [at, { actuator }] of regions.entries()) {
    if (actuator?.kind !== 'exec') continue;
    for (const { path, message } of unfillable(actuator))
      yield { path: ['regions', at, 'actuator', ...path], message };
  }
}

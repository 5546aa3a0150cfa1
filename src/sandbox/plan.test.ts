import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { regionSchema } from '../config/regions.ts';
import { initialControllers, kafkaNodes, replicationOf, voterCount } from './kafka-plan.ts';
import { metaFor } from './kafka-prepare.ts';
import { kafkaUuid } from './new-sandbox.ts';
import { MAX_BROKERS, sandboxOptions } from './options.ts';
import { sandboxPlan, stopTiers } from './plan.ts';
import { fillTemplate } from './plan-context.ts';
import { contextFor } from './plan-fixture.ts';
import { bootstrapSql } from './postgres-plan.ts';
import { REDIS_SLOTS, redisNodes, slotsOf } from './redis-plan.ts';

const options = fc.record({
  brokers: fc.integer({ min: 1, max: MAX_BROKERS }),
  racks: fc.integer({ min: 1, max: 26 }),
  service: fc.boolean(),
});
const holdsFor = (check: (context: ReturnType<typeof contextFor>) => void): void =>
  fc.assert(
    fc.property(options, (given) => check(contextFor(given))),
    { numRuns: 60 },
  );

describe('plan of a sandbox', () => {
  test('every port is planned once and lies in one block of 64, every unit has its own id and log', () => {
    holdsFor((context) => {
      const { units } = sandboxPlan(context);
      const ports = context.ports.map((use) => use.port);
      expect(new Set(ports).size).toBe(ports.length);
      expect(Math.max(...ports) - Math.min(...ports)).toBeLessThan(64);
      expect(new Set(units.map((unit) => unit.id)).size).toBe(units.length);
      expect(new Set(units.map((unit) => unit.logFile)).size).toBe(units.length);
      expect(new Set(units.map((unit) => unit.labels.port)).size).toBe(units.length);
    });
  });

  test('Kafka nodes are spread evenly over racks, and the quorum is odd and at most three', () => {
    holdsFor((context) => {
      const nodes = kafkaNodes(context);
      const perRack = [...Map.groupBy(nodes, (node) => node.rack).values()].map((group) => group.length);
      expect(Math.max(...perRack) - Math.min(...perRack)).toBeLessThanOrEqual(1);
      expect(perRack.length).toBe(Math.min(context.options.racks, nodes.length));
      const voters = nodes.filter((node) => node.voter);
      expect(voters.length % 2).toBe(1);
      expect(voters.length).toBeLessThanOrEqual(3);
      expect(initialControllers(nodes).split(',')).toHaveLength(voters.length);
    });
  });

  test('no topic asks for more replicas than there are nodes, and three nodes can lose one', () => {
    for (let brokers = 1; brokers <= MAX_BROKERS; brokers += 1) {
      const { factor, minInsync } = replicationOf(brokers);
      expect(factor).toBeLessThanOrEqual(brokers);
      expect(minInsync).toBeLessThanOrEqual(factor);
    }
    expect(replicationOf(3)).toEqual({ factor: 3, minInsync: 2 });
    expect([1, 2, 3, 4, 6].map(voterCount)).toEqual([1, 1, 3, 3, 3]);
  });

  test('servers listen on the loopback address only, and no placeholder is left in any file', () => {
    holdsFor((context) => {
      for (const file of sandboxPlan(context).files) {
        expect(file.text).not.toMatch(/@[A-Z_]+@/);
        expect(file.text).not.toMatch(/0\.0\.0\.0|\[::\]/);
        for (const listener of file.text.match(/PLAINTEXT:\/\/[^,\s]+/g) ?? [])
          expect(listener).toContain('://127.0.0.1:');
      }
    });
  });

  test('the password stands in files of mode 600 only, never in a unit, an environment or uplift.yaml', () => {
    const context = contextFor();
    const plan = sandboxPlan(context);
    const holders = plan.files.filter((file) => file.text.includes(context.password));
    expect(holders.length).toBeGreaterThan(0);
    expect(holders.map((file) => file.mode)).toEqual(holders.map(() => 0o600));
    expect(JSON.stringify(plan.units)).not.toContain(context.password);
    expect(plan.config).not.toContain(context.password);
    expect(bootstrapSql(context)).toContain(context.password);
  });

  test('a secure sandbox has its secrets in files of mode 600 only, and names of files everywhere else', () => {
    const context = contextFor({ secure: true });
    const plan = sandboxPlan(context);
    const secrets = Object.values(context.kafkaSecrets);
    for (const secret of secrets) {
      const holders = plan.files.filter((file) => file.text.includes(secret));
      expect(holders.length).toBeGreaterThan(0);
      expect(holders.map((file) => file.mode)).toEqual(holders.map(() => 0o600));
      expect(JSON.stringify(plan.units)).not.toContain(secret);
      expect(plan.config).not.toContain(secret);
    }
    expect(plan.folders).toContainEqual({ path: context.paths.kafkaKeys, mode: 0o700 });
    const { kafka } = regionSchema.parse(parse(plan.config).regions[0]);
    expect(kafka).toMatchObject({
      tls: { ca: context.paths.kafkaCaFile },
      sasl: { mechanism: 'SCRAM-SHA-512', password: { file: context.paths.kafkaPasswordFile } },
    });
    const gateway = plan.units.find((unit) => unit.id === 'gateway-1');
    expect(gateway?.env).toMatchObject({
      KAFKA_TLS_CA_FILE: context.paths.kafkaCaFile,
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_PASSWORD_FILE: context.paths.kafkaPasswordFile,
    });
  });

  test('a secure sandbox has no plaintext listener; any other has no trace of TLS', () => {
    const properties = (secure: boolean): string[] =>
      sandboxPlan(contextFor({ secure })).files.flatMap(({ path, text }) =>
        path.endsWith('.properties') ? [text] : [],
      );
    for (const text of properties(true)) {
      expect(text).toMatch(/^listeners=SASL_SSL:\/\/127\.0\.0\.1:\d+,CONTROLLER:\/\/127\.0\.0\.1:\d+$/m);
      expect(text).toMatch(/^listener\.security\.protocol\.map=SASL_SSL:SASL_SSL,CONTROLLER:SSL$/m);
      expect(text).toContain('listener.name.controller.ssl.client.auth=required');
      expect(text).not.toMatch(/@[A-Z_]+@|PLAINTEXT/);
    }
    for (const text of properties(false)) expect(text).not.toMatch(/ssl|sasl/i);
  });

  test('a replica of Redis never shares the rack of its master, and the shards cover all slots', () => {
    const nodes = redisNodes(contextFor());
    for (const replica of nodes.filter((node) => !node.master)) {
      const master = nodes.find((node) => node.master && node.shard === replica.shard);
      expect(replica.rack).not.toBe(master?.rack);
    }
    const ranges = [0, 1, 2].map(slotsOf);
    expect(ranges.flatMap(([first, last]) => last - first + 1).reduce((a, b) => a + b)).toBe(REDIS_SLOTS);
    expect(ranges.map(([first], at) => (at === 0 ? first : first - 1 - (ranges[at - 1]?.[1] ?? 0)))).toEqual([
      0, 0, 0,
    ]);
  });

  test('only the primary waits for standbys, only the others follow it, and only Postgres and its pooler change user', () => {
    const { files, units } = sandboxPlan(contextFor({}, { owner: { uid: 65534, gid: 65534 } }));
    const role = (server: string): string =>
      files.find((file) => file.path.endsWith(`postgres-${server}/role.conf`))?.text ?? '';
    expect(role('az-a')).toContain("synchronous_standby_names = 'ANY 1 (az_b, az_c)'");
    expect(role('az-a')).toContain("primary_conninfo = ''");
    expect(role('az-b')).toContain('application_name=az_b');
    expect(role('az-c')).toContain("primary_slot_name = 'az_c'");
    expect(new Set(units.filter((unit) => unit.uid !== undefined).map((unit) => unit.kind))).toEqual(
      new Set(['postgres', 'pgbouncer']),
    );
  });

  test('the sandbox file names every server, and its regions pass the schema', () => {
    holdsFor((context) => {
      const document = parse(sandboxPlan(context).config);
      const region = regionSchema.parse(document.regions[0]);
      expect(document).toMatchObject({
        version: 1,
        environment: { name: 'sandbox-demo', production: false },
      });
      expect(region.kafka.brokers).toHaveLength(context.options.brokers);
      expect(region.redis?.nodes).toHaveLength(6);
      expect(region.postgres?.replicas.map((server) => server.name)).toEqual(['az-b', 'az-c']);
      expect(region.service === undefined).toBe(!context.options.service);
      expect(document.topics.map((topic: { name: string }) => topic.name)).toEqual([
        'reservations.commands',
        'reservations.events',
        'reservations.snapshots',
      ]);
    });
  });

  test('the service is configured by environment, shares the partitions out, and can be replaced', () => {
    const serviceOverrides = { 'commands-1': { argv: ['/bin/node', 'own.ts'], env: { SEED: '7' } } };
    const serviceEnv = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4317' };
    const { units } = sandboxPlan(contextFor({}, { serviceOverrides, serviceEnv }));
    expect(units.filter((unit) => unit.env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined)).toEqual(
      units.filter((unit) => unit.kind !== 'service'),
    );
    const service = units.filter((unit) => unit.kind === 'service');
    expect(service.map((unit) => unit.id)).toEqual([
      'gateway-1',
      'gateway-2',
      'commands-1',
      'commands-2',
      'projector-1',
      'sweeper-1',
    ]);
    const shares = service.map((unit) => unit.env.SHARE);
    expect(shares).toEqual([undefined, undefined, '1/2', '2/2', undefined, undefined]);
    expect(service.filter((unit) => unit.env.SNOWFLAKE_WORKER !== undefined)).toEqual([]);
    const own = service.find((unit) => unit.id === 'commands-1');
    expect(own?.argv).toEqual(['/bin/node', 'own.ts']);
    expect(own?.env).toMatchObject({ SEED: '7', INSTANCE: 'commands-1', TOPIC_PARTITIONS: '24' });
    expect(own?.env.POSTGRES_URL).toMatch(/^postgres:\/\/uplift@127\.0\.0\.1:\d+\/uplift$/);
    expect(
      sandboxPlan(contextFor({ service: false })).units.filter((unit) => unit.kind === 'service'),
    ).toEqual([]);
  });

  test('who uses a server stops before it, and nobody is forgotten', () => {
    const { units } = sandboxPlan(contextFor({ brokers: 5 }));
    const tiers = stopTiers(units);
    expect(
      tiers
        .flat()
        .map((unit) => unit.id)
        .sort(),
    ).toEqual(units.map((unit) => unit.id).sort());
    expect(tiers.map((tier) => tier[0]?.kind)).toEqual([
      'service',
      'pgbouncer',
      'postgres',
      'postgres',
      'redis',
      'kafka',
    ]);
    expect(tiers[3]?.map((unit) => unit.labels.role)).toEqual(['primary']);
  });

  test('what cannot be built is refused, all reasons at once', () => {
    expect(() => sandboxOptions({ name: 'No', brokers: 0, racks: 27 })).toThrow(/--name.*--brokers.*--racks/);
    const quoted = contextFor();
    expect(() => sandboxPlan({ ...quoted, paths: { ...quoted.paths, dir: "/srv/o'neil/x" } })).toThrow(
      /quotes/,
    );
  });
});

describe('templates and ids', () => {
  test('a placeholder without a value and a value without a placeholder are bugs', () => {
    expect(fillTemplate('a=@A@ @A@', { A: '1' })).toBe('a=1 1');
    expect(() => fillTemplate('a=@A@', {})).toThrow(/@A@/);
    expect(() => fillTemplate('a=1', { A: '1' })).toThrow(/A/);
  });

  test('a copied node gets its own ids and keeps the cluster id', () => {
    const meta = '#\n#Mon\nnode.id=1\ndirectory.id=aaa\nversion=1\ncluster.id=ccc\n';
    expect(metaFor(meta, { id: 12, directoryId: 'bbb' })).toBe(
      '#\n#Mon\nnode.id=12\ndirectory.id=bbb\nversion=1\ncluster.id=ccc\n',
    );
  });

  test('Kafka ids are 16 bytes, far from the reserved ones near zero, and never look like a flag', () => {
    for (let round = 0; round < 500; round += 1) {
      const id = kafkaUuid();
      expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
      expect(Buffer.from(id, 'base64url')[0]).toBeGreaterThanOrEqual(0x40);
    }
  });
});

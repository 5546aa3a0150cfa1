import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readRecord } from '../../src/record/open.ts';
import { processesIn } from '../../src/sandbox/traces-fixture.ts';
import { expectExit } from '../support/sandbox.ts';
import { type CliResult, documentOf, type ErrorDocument, runCli } from '../support/sandbox-cli.ts';

/** What goes wrong before there is a platform: each is one clear message, its exit code, and nothing is left behind. */
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-refusal-'));
  await chmod(dir, 0o755);
});
afterEach(async () => {
  expect(await processesIn(dir)).toEqual([]);
  await rm(dir, { recursive: true, force: true });
});

const WITHIN_MS = 30_000;

function uplift(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  const all = { UPLIFT_STATE_DIR: join(dir, 'state'), ...env };
  return runCli(args, { cwd: dir, env: all, timeoutMs: WITHIN_MS });
}

async function refused(args: readonly string[], exit: number, env = {}): Promise<ErrorDocument> {
  const result = await uplift([...args, '--output', 'json'], env);
  expectExit(result, exit);
  return documentOf<ErrorDocument>(result);
}

/** The words of a message without the line breaks of an 80 or 100 column terminal. */
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

describe('sandbox install', () => {
  test('changes no machine without a yes, and where it may not, prints the lines that do', async () => {
    const nowhere = join(dir, 'nowhere');
    const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
    const error = await refused(['sandbox', 'install'], mayInstall ? 15 : 69, {
      PATH: nowhere,
      HOME: nowhere,
      XDG_CACHE_HOME: nowhere,
      JAVA_HOME: nowhere,
    });
    expect(error.code).toBe(mayInstall ? 'UPL-CONFIRMATION-NEEDED' : 'UPL-SANDBOX-INSTALL');
    expect(error.message).toMatch(/java.* maven/);
    expect(error.next).toMatch(
      mayInstall ? /^uplift sandbox install --yes$/ : /^Debian: +.*apt-get install .* maven/,
    );
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('sandbox up', () => {
  test('without its servers names all that is missing, and the command that gets it', async () => {
    const nowhere = join(dir, 'nowhere');
    const env = {
      PATH: nowhere,
      HOME: nowhere,
      XDG_CACHE_HOME: nowhere,
      KAFKA_HOME: nowhere,
      JAVA_HOME: nowhere,
    };
    const missing = await refused(['sandbox', 'up'], 69, env);
    expect(missing.code).toBe('UPL-SANDBOX-MISSING-BINARY');
    expect(missing.message).toBe(
      'Not installed: java 17 or newer, Kafka 4.3.1 (its jars). Nothing was started.',
    );
    expect(missing.next).toMatch(/^uplift sandbox install /);
    const { exit, stdout, stderr } = await uplift(['sandbox', 'up'], env);
    expect({ exit, stdout }).toEqual({ exit: 69, stdout: '' });
    expect(flat(stderr)).toBe(
      flat(`${missing.message} UPL-SANDBOX-MISSING-BINARY exit 69 Next: ${missing.next}`),
    );
    expect(await readdir(dir)).toEqual([]);
  });

  test('on a taken port names the port and the unit that wanted it, and starts nothing', async () => {
    const server: Server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      // Two ports for each of three Kafka nodes come first, then Postgres.
      const used = await refused(['sandbox', 'up', '--port-base', String(port - 6)], 69);
      expect(used.code).toBe('UPL-SANDBOX-PORT-USED');
      expect(used.message).toContain(`${port} (postgres-az-a)`);
      expect(used.message).toContain('Nothing was started.');
      expect(used.next).toContain('--port-base');
      expect(await readdir(dir)).toEqual([]);
    } finally {
      await closed(server);
    }
  });
});

const WRONG = `version: 1
environment: { name: proof }
regions:
  - name: local
    kafka:
      broker: ["127.0.0.1:1"]
    redis:
      nodes: ["no-port"]
limits:
  recovry: 30s
  replicaLag: soon
topics:
  - name: reservations.commands
    partitions: 0
    replicationFactor: 3
    minInsyncReplicas: 2
`;

const PROBLEMS = [
  ['wrong.yaml:6:7', 'regions[0].kafka.broker is not a field. Did you mean "brokers"?'],
  ['wrong.yaml:8:15', 'regions[0].redis.nodes[0] must be host:port.'],
  ['wrong.yaml:10:3', 'limits.recovry is not a field. Did you mean "recovery"?'],
  ['wrong.yaml:11:3', 'limits.replicaLag must be a duration such as 500ms, 5s, 2m, 12h or 7d.'],
  ['wrong.yaml:14:5', 'topics[0].partitions must be at least 1.'],
] as const;

describe('a wrong uplift.yaml', () => {
  test.each([['check'], ['topics plan'], ['drill run kafka-broker-loss --yes']])(
    'stops `%s` with every mistake at once, its line and what was meant',
    async (command) => {
      await writeFile(join(dir, 'wrong.yaml'), WRONG);
      const args = [...command.split(' '), '--config', 'wrong.yaml'];
      const wrong = await refused(args, 78);
      expect(wrong).toMatchObject({ code: 'UPL-CONFIG-INVALID', message: 'wrong.yaml has 5 problems.' });
      expect(wrong.findings.map(({ promise, summary }) => [promise?.text, summary])).toEqual(PROBLEMS);
      const { exit, stdout, stderr } = await uplift(args);
      expect({ exit, stdout }).toEqual({ exit: 78, stdout: '' });
      for (const [place, problem] of PROBLEMS) expect(flat(stderr)).toContain(`${place} ${problem}`);
      expect(await readdir(dir)).toEqual(['wrong.yaml']);
    },
  );
});

describe('a Kafka where nobody listens', () => {
  test('is inconclusive for check, unavailable for a plan and refused by a drill, each within seconds', async () => {
    await writeFile(join(dir, 'uplift.yaml'), await nobodyListens());
    const [check, plan, drill] = await Promise.all([
      uplift(['check', '--output', 'json']),
      uplift(['topics', 'plan', '--output', 'json']),
      uplift(['drill', 'run', 'kafka-broker-loss', '--yes', '--output', 'json']),
    ]);
    expectExit(check, 12);
    const { findings } = documentOf<ErrorDocument>(check);
    expect(findings.filter(({ status }) => status === 'pass' || status === 'fail')).toEqual([]);
    expectExit(plan, 69);
    const away = documentOf<ErrorDocument>(plan);
    expect(away.code).toBe('UPL-KAFKA-UNREACHABLE');
    expect(away.message).toMatch(
      /^Cannot reach Kafka at 127\.0\.0\.1:\d+ \(connection refused, 3 tries in [\d.]+ m?s\)\.$/,
    );
    expectExit(drill, 15);
    const refused = documentOf<ErrorDocument>(drill);
    expect(refused).toMatchObject({
      code: 'UPL-PREFLIGHT-REFUSED',
      message: expect.stringMatching(/Nothing was touched\.$/),
    });
    expect(refused.findings.length).toBeGreaterThan(0);
    expect(refused.findings.map(({ status }) => status)).not.toContain('pass');
    // The record that it leaves has no step, and says how it ended.
    const [run = ''] = await readdir(join(dir, 'state', 'runs'));
    const record = await readRecord(join(dir, 'state', 'runs', run, 'journal.ndjson'));
    expect(record.status).toBe('sealed');
    expect(record.entries.map(({ kind }) => kind)).not.toContain('step.intent');
    expect(record.entries.at(-1)).toMatchObject({ kind: 'drill.ended', body: { execution: 'aborted' } });
  });
});

/** Every endpoint of a whole platform, on ports that were free a moment ago. */
async function nobodyListens(): Promise<string> {
  const servers = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const [kafka, writer, replica, redis, service] = servers.map(
    (server) => `127.0.0.1:${(server.address() as AddressInfo).port}`,
  );
  await Promise.all(servers.map(closed));
  return `version: 1
environment: { name: proof }
regions:
  - name: local
    kafka: { brokers: ["${kafka}"] }
    postgres:
      database: uplift
      user: uplift
      writer: { name: az-a, address: "${writer}" }
      replicas: [{ name: az-b, address: "${replica}" }]
    redis: { nodes: ["${redis}"] }
    service:
      gateways: [{ id: gateway-1, url: "http://${service}" }]
      commands: [{ id: commands-1, url: "http://${service}" }]
      projectors: [{ id: projector-1, url: "http://${service}" }]
    actuator: { kind: process, units: units }
topics:
  - { name: reservations.commands, partitions: 24, replicationFactor: 3, minInsyncReplicas: 2 }
`;
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

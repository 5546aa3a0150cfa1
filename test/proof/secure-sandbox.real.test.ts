import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCluster, openProduce, openRead } from '../../src/clients/kafka/index.ts';
import type { KafkaTarget } from '../../src/clients/kafka/target.ts';
import { waitFor } from '../../src/core/wait.ts';
import type { DrillResult } from '../../src/drills/engine/result.ts';
import { portIsFree } from '../../src/sandbox/ports.ts';
import type { TopicsPlan } from '../../src/topics/plan.ts';
import { expectRefusal } from '../support/expect-refusal.ts';
import {
  OTHER_AUTHORITY,
  SECURE_MISTAKES,
  WRONG_PASSWORD,
  writeMistakeFiles,
} from '../support/kafka-mistakes.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { documentOf, runCli } from '../support/sandbox-cli.ts';
import { holdersOf, textsHolding } from '../support/search-secrets.ts';
import { startRole } from '../support/service-roles.ts';
import { watchProcesses } from '../support/watch-processes.ts';

/** Everything that the thin line does, over TLS and with a login; at the end, where its secrets are and where not. */
let sandbox: ProofSandbox;
/** Command lines and environments of every process that had to do with the sandbox. */
const processTexts: string[] = [];

beforeAll(async () => {
  const watched = watchProcesses('uplift-proof-');
  try {
    sandbox = await ProofSandbox.start({ secure: true });
  } finally {
    processTexts.push(...(await watched.stop()));
  }
  await writeMistakeFiles(sandbox);
});
afterAll(() => sandbox?.down());

const ROLE_MS = 30_000;

describe('a Kafka with TLS and a login', () => {
  test('takes topics, the service and a load; every check passes, also through `sandbox env`', async () => {
    const { plans } = await sandbox.json<{ plans: TopicsPlan[] }>(
      ['topics', 'plan', '--out', 'plan.json'],
      0,
    );
    expect(new Set(plans[0]?.changes.map(({ action }) => action))).toEqual(new Set(['equal']));
    await sandbox.json(['topics', 'verify'], 0);
    const load = ['load', 'run', '--rate', '40', '--duration', '3s'];
    expect(await sandbox.json<{ acknowledged: number }>(load, 0)).toMatchObject({
      acknowledged: expect.toSatisfy((count: number) => count > 50),
    });
    const env = await sandbox.json<Record<string, string>>(['sandbox', 'env', '--name', sandbox.name], 0);
    expect(env.UPLIFT_CONFIG).toBe(sandbox.configFile);
    const elsewhere = { cwd: '/', env, timeoutMs: 60_000 };
    const check = await runCli(['check', '--output', 'json'], elsewhere);
    sandbox.transcript.push(check.stdout, check.stderr);
    expect(`exit ${check.exit} ${check.stdout}`).toMatch(/^exit 0 /);
    expect(documentOf<{ verdict: string }>(check).verdict).toBe('pass');
  });

  test('has no port that takes a stranger: controllers want a certificate, clients a login', async () => {
    const [unit] = await sandbox.units('kafka');
    const text = await readFile(unit?.argv.at(-1) ?? '', 'utf8');
    expect(text).toMatch(/^listener\.security\.protocol\.map=SASL_SSL:SASL_SSL,CONTROLLER:SSL$/m);
    expect(text).toMatch(/^listener\.name\.controller\.ssl\.client\.auth=required$/m);
  });
});

describe('a mistake in uplift.yaml', () => {
  test.each(SECURE_MISTAKES)('$name is one sentence for every kind of command, soon', async (mistake) => {
    await expectRefusal(sandbox, mistake);
  });
});

describe('a client of either library', () => {
  /** Far longer than any of them takes: who tried again until a deadline would still be at it. */
  const DEADLINE_MS = 60_000;
  const FINAL_WITHIN_MS = 20_000;

  test.each([
    ['a wrong password', /refused the login of "uplift"/, withPassword(WRONG_PASSWORD)],
    [
      'the CA of somebody else',
      /is not trusted/,
      (good: KafkaTarget) => ({ ...good, tls: { ca: OTHER_AUTHORITY } }),
    ],
    ['plaintext for TLS', /speaks TLS/, ({ tls: _, ...rest }: KafkaTarget) => rest],
    ['no login', /wants a login/, ({ sasl: _, ...rest }: KafkaTarget) => rest],
  ] as const)('takes %s as final', async (_, says, spoil) => {
    const target = spoil({ ...(await sandbox.kafkaTarget()), requestTimeoutMs: DEADLINE_MS });
    const startedMs = performance.now();
    const [cluster, read] = [openCluster(target), openRead(target)];
    const tries = [
      cluster.describe({ timeoutMs: DEADLINE_MS }),
      read.bounds(['reservations.events'], { timeoutMs: DEADLINE_MS }),
      openProduce(target, { openTimeoutMs: DEADLINE_MS }),
    ];
    try {
      const refused = { code: 'UPL-KAFKA-AUTH', message: expect.stringMatching(says) };
      await Promise.all(tries.map((tried) => expect(tried).rejects.toMatchObject(refused)));
      expect(performance.now() - startedMs).toBeLessThan(FINAL_WITHIN_MS);
    } finally {
      await Promise.all([cluster.close(), read.close()]);
    }
  });

  function withPassword(password: string): (good: KafkaTarget) => KafkaTarget {
    return (good) => (good.sasl === undefined ? good : { ...good, sasl: { ...good.sasl, password } });
  }
});

describe('a process of the service with a wrong password', () => {
  test('lives, says why in /readyz, and logs it once; the gateway as well as a reader', async () => {
    const first = await freePort();
    await Promise.all(['gateway', 'commands'].map((role, at) => saysWhy(role, first + at)));
  });

  async function saysWhy(role: string, port: number): Promise<void> {
    const unit = (await sandbox.units('service')).find(({ labels }) => labels.role === role);
    const env = {
      ...unit?.env,
      HTTP_PORT: String(port),
      INSTANCE: `wrong-${role}`,
      KAFKA_SASL_PASSWORD_FILE: join(sandbox.workDir, 'wrong.password'),
    };
    const process = startRole(role, port, env, sandbox.workDir);
    try {
      const said = 'refused the login of';
      await waitFor(async () => JSON.stringify(await process.readyz()).includes(said), {
        what: `${role} says why`,
        timeoutMs: ROLE_MS,
      });
      const readyz = await process.readyz();
      expect(readyz.status).toBe(503);
      sandbox.transcript.push(JSON.stringify(readyz));
      // Long enough for several rounds of probes: what is repeated would be seen.
      await delay(6000);
      const lines = (await readFile(process.logFile, 'utf8')).split('\n');
      const messages = lines.flatMap((line) =>
        line.includes(said) ? [(JSON.parse(line) as { msg: string }).msg] : [],
      );
      expect(messages.length).toBeGreaterThan(0);
      expect(messages).toEqual([...new Set(messages)]);
    } finally {
      process.signal('SIGTERM');
      expect(await process.exit).toBe(143);
    }
  }
});

describe('a broker of it that is killed', () => {
  test('under load costs nothing: the drill holds, 0 lost, everything restored', async () => {
    const args = ['drill', 'run', 'kafka-broker-loss', '--yes', '--baseline', '3', '--rate', '120'];
    const { result } = await sandbox.json<{ result: DrillResult }>(args, 0, 240_000);
    expect(result).toMatchObject({ hypothesis: 'held', restored: 'restored', topologyDiff: [] });
    expect(result.judgement).toMatchObject({ lost: [], duplicates: [], verdict: 'pass' });
    expect(result.judgement.acknowledged).toBeGreaterThan(1000);
    await sandbox.json(['drill', 'show', result.runId], 0);
  }, 250_000);

  test('comes back by `sandbox start`, and after a stop the whole sandbox starts on its data', async () => {
    const name = ['--name', sandbox.name];
    await sandbox.json(['sandbox', 'kill', 'kafka-2', ...name], 0);
    await sandbox.json(['sandbox', 'start', 'kafka-2', ...name], 0);
    await sandbox.json(['sandbox', 'down', '--keep-data', ...name], 0);
    const up = await sandbox.json<{ restarted: boolean }>(['sandbox', 'up', ...name], 0);
    expect(up.restarted).toBe(true);
    await sandbox.serviceReady();
    await checkPasses();
  });
});

describe('its secrets', () => {
  test('stand in files that only their owner may open, and nowhere else', async () => {
    const secrets = await secretsOfSandbox();
    const holders = await holdersOf([...secrets, WRONG_PASSWORD], sandbox.folder);
    expect(holders.filter(({ othersMay }) => othersMay !== 0)).toEqual([]);
    expect(new Set(holders.map(({ file }) => file.slice(file.lastIndexOf('/') + 1)))).toEqual(
      new Set([
        'kafka-1.properties',
        'kafka-2.properties',
        'kafka-3.properties',
        'kafka.password',
        'pgpass',
        'postgres.password',
        'store.password',
        'userlist.txt',
        'wrong.password',
      ]),
    );
  });

  test('are not in what any command printed, with --debug or as JSON, nor in what the service answers', async () => {
    await sandbox.run(['config', 'show', '--origin', '--debug']);
    await sandbox.run(['config', 'show', '--origin', '--output', 'json']);
    await sandbox.run(['sandbox', 'status', '--name', sandbox.name, '--output', 'json']);
    await sandbox.run(['sandbox', 'logs', 'kafka-1', '--lines', '500', '--name', sandbox.name]);
    const answers = (await sandbox.units('service')).flatMap(({ labels }) =>
      ['/metrics', '/readyz'].map(async (path) =>
        (await fetch(`http://127.0.0.1:${labels.port}${path}`)).text(),
      ),
    );
    const texts = [...sandbox.transcript, ...(await Promise.all(answers))];
    expect(texts.join('').length).toBeGreaterThan(10_000);
    expect(textsHolding([...(await secretsOfSandbox()), WRONG_PASSWORD], texts)).toEqual([]);
  });

  test('are on no command line and in no environment, not even of the tools that live for a moment', async () => {
    const watched = watchProcesses(sandbox.folder);
    const texts = [...processTexts, ...(await watched.stop())];
    // The watch saw what it is for: the tools that are handed secrets, the servers, the service.
    for (const part of ['StorageTool', '-genkeypair', '--single', 'kafka.Kafka', 'KAFKA_SASL_PASSWORD_FILE'])
      expect(texts.some((text) => text.includes(part))).toBe(true);
    expect(textsHolding(await secretsOfSandbox(), texts)).toEqual([]);
  });
});

/** Every random secret of the sandbox; each is long enough to be found wherever it stands. */
async function secretsOfSandbox(): Promise<string[]> {
  const read = async (...path: string[]): Promise<string> =>
    (await readFile(join(sandbox.dir, ...path), 'utf8')).trim();
  const properties = await read('conf', 'kafka-1.properties');
  const secrets = [
    await read('kafka.password'),
    await read('postgres.password'),
    await read('conf', 'kafka-keys', 'store.password'),
    /password="([^"]+)"/.exec(properties)?.[1] ?? '',
  ];
  expect(secrets.map(({ length }) => length)).toEqual([36, 36, 36, 36]);
  return secrets;
}

async function checkPasses(): Promise<void> {
  await waitFor(async () => (await sandbox.run(['check'])).exit === 0, {
    what: 'every check passes',
    timeoutMs: 60_000,
    intervalMs: 500,
  });
}

/** The first of two free ports below the ephemeral range, where no connection of somebody else's can sit. */
async function freePort(): Promise<number> {
  for (let port = 19_400; port < 19_500; port += 1)
    if ((await portIsFree(port)) && (await portIsFree(port + 1))) return port;
  throw new Error('no free ports');
}

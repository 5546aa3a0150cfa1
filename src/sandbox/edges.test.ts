import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findBinaries, missingError } from './binaries.ts';
import { createManifest, type Manifest, readManifest, requireManifest } from './manifest.ts';
import { DEFAULT_OPTIONS } from './options.ts';
import { choosePorts } from './ports.ts';
import { runCommand } from './run-command.ts';
import { serverRootFor } from './server-root.ts';
import { together } from './together.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-edges-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('programs', () => {
  test('everything missing is named at once, with the command that gets it', () => {
    expect(missingError(['pgbouncer', 'redis-server'])).toMatchObject({
      code: 'UPL-SANDBOX-MISSING-BINARY',
      exit: 69,
      message: 'Not installed: pgbouncer, redis-server. Nothing was started.',
      next: expect.stringMatching(/^uplift sandbox install /),
    });
  });

  test('a Kafka folder named by flag is meant: another one is not taken instead', async () => {
    const search = { env: { ...process.env }, cacheDir: join(dir, 'cache'), kafkaHome: join(dir, 'nothing') };
    await expect(findBinaries(search)).rejects.toMatchObject({ message: expect.stringContaining('Kafka') });
  });
});

describe('ports', () => {
  const request = (name: string) => ({
    options: { ...DEFAULT_OPTIONS, name },
    sandboxDir: join(dir, 'sandbox', name),
    cacheDir: join(dir, 'cache'),
  });

  test('a taken port is named together with the unit that wanted it', async () => {
    const block = await choosePorts(request('a'));
    const wanted = block.ports.find((use) => use.unit === 'pgbouncer');
    const server = createServer().listen(wanted?.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    const again = choosePorts({ ...request('b'), base: block.base });
    await expect(again).rejects.toMatchObject({
      code: 'UPL-SANDBOX-PORT-USED',
      exit: 69,
      message: expect.stringContaining(`${wanted?.port} (pgbouncer)`),
    });
    server.close();
    await once(server, 'close');
    expect((await choosePorts({ ...request('b'), base: block.base })).base).toBe(block.base);
  });

  test('sandboxes that start at once never share a block', async () => {
    await mkdir(request('a').sandboxDir, { recursive: true });
    // The same folder, so the same place to start the search at: all of them want the same block.
    const blocks = await Promise.all(['a', 'a', 'a', 'a'].map((name) => choosePorts(request(name))));
    expect(new Set(blocks.map((block) => block.base)).size).toBe(4);
  });

  test('the claim of a sandbox that is gone does not last', async () => {
    const gone = await choosePorts(request('gone'));
    await choosePorts(request('gone'));
    expect((await choosePorts(request('gone'))).base).toBe(gone.base);
  });

  test('ports outside of what there is are refused', async () => {
    await expect(choosePorts({ ...request('a'), base: 65_530 })).rejects.toMatchObject({ code: 'UPL-USAGE' });
    await expect(choosePorts({ ...request('a'), base: 80 })).rejects.toMatchObject({ code: 'UPL-USAGE' });
  });
});

describe('sandbox folders', () => {
  const manifest: Manifest = {
    v: 1,
    name: 'demo',
    phase: 'ready',
    createdAtMs: 1,
    serverRoot: '/x',
    portBase: 20000,
    options: DEFAULT_OPTIONS,
  };

  test('one name, one sandbox: the second to create it is told so', async () => {
    const folder = join(dir, 'sandbox', 'demo');
    expect(await createManifest(folder, manifest)).toBe(true);
    expect(await createManifest(folder, manifest)).toBe(false);
    expect(await readManifest(folder)).toEqual(manifest);
    await writeFile(join(folder, 'sandbox.json'), '{');
    await expect(readManifest(folder)).rejects.toMatchObject({ code: 'UPL-INPUT-INVALID' });
  });

  test('a sandbox made before there were secure ones is still understood, as a plaintext one', async () => {
    const { secure: _, ...options } = DEFAULT_OPTIONS;
    const old = {
      v: 1,
      name: 'old',
      phase: 'ready',
      createdAtMs: 1,
      serverRoot: dir,
      portBase: 20_000,
      options,
    };
    await writeFile(join(dir, 'sandbox.json'), JSON.stringify(old));
    expect((await readManifest(dir))?.options).toEqual(DEFAULT_OPTIONS);
  });

  test('an unknown sandbox is unavailable and those that exist are named', async () => {
    await expect(requireManifest(dir, 'demo')).rejects.toMatchObject({
      code: 'UPL-SANDBOX-NOT-FOUND',
      exit: 69,
    });
    await createManifest(join(dir, 'sandbox', 'other'), manifest);
    await expect(requireManifest(dir, 'demo')).rejects.toMatchObject({
      message: expect.stringContaining('There is: other.'),
    });
  });

  test('servers of another user live where that user can get to', async () => {
    const owner = { uid: 65534, gid: 65534 };
    await chmod(dir, 0o755);
    const folder = join(dir, 'state', 'sandbox', 'demo');
    expect(await serverRootFor(folder, owner)).toBe(folder);
    await chmod(dir, 0o700);
    expect(await serverRootFor(folder, owner)).toMatch(/uplift-[0-9a-f]{12}$/);
    expect(await serverRootFor(folder, undefined)).toBe(folder);
  });
});

describe('short-lived programs', () => {
  const options = { what: 'The tool', env: { PATH: '/usr/bin:/bin' }, cwd: '/', timeoutMs: 5000 };

  test('arguments arrive as they are, input too', async () => {
    expect(await runCommand(['printf', '%s|', 'a b', "it's", '$HOME', '*'], options)).toBe(
      "a b|it's|$HOME|*|",
    );
    expect(await runCommand(['cat'], { ...options, input: 'one\ntwo' })).toBe('one\ntwo');
  });

  test("nothing of the user's shell set-up is run", async () => {
    await writeFile(join(dir, '.bashrc'), 'echo from bashrc');
    expect(await runCommand(['echo', 'clean'], { ...options, env: { ...options.env, HOME: dir } })).toBe(
      'clean\n',
    );
  });

  test('failure shows the last lines, and a timeout says so', async () => {
    const failing = runCommand(['sh', '-c', 'echo no space left >&2; exit 4'], options);
    await expect(failing).rejects.toMatchObject({
      code: 'UPL-SANDBOX-START',
      message: expect.stringMatching(/The tool failed with exit code 4\.\n {2}no space left/),
    });
    await expect(runCommand(['sleep', '20'], { ...options, timeoutMs: 200 })).rejects.toMatchObject({
      message: expect.stringContaining('limit 200 ms'),
    });
  });

  test('what fails never shows a secret that it was given, though the program repeats it', async () => {
    const failing = runCommand(['/bin/sh', '-c', 'cat; exit 3'], {
      what: 'creating roles',
      env: { PATH: '/usr/bin:/bin' },
      cwd: dir,
      timeoutMs: 5000,
      input: "ERROR: no.\nSTATEMENT: ALTER ROLE a PASSWORD 'tell-nobody';\n",
      secrets: ['tell-nobody'],
    });
    await expect(failing).rejects.toMatchObject({ message: expect.stringContaining("PASSWORD '***'") });
    await expect(failing).rejects.not.toMatchObject({ message: expect.stringContaining('tell-nobody') });
  });

  test('an abort ends it with the reason of the abort', async () => {
    await expect(
      runCommand(['sleep', '20'], { ...options, signal: AbortSignal.timeout(100) }),
    ).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('branches', () => {
  const never = new AbortController().signal;

  test('the first failure stops the others, and they are awaited', async () => {
    const log: string[] = [];
    const slow = (signal: AbortSignal): Promise<void> =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => setTimeout(() => resolve(void log.push('slow ended')), 20)),
      );
    await expect(together(never, [slow, () => Promise.reject(new Error('first'))])).rejects.toThrow('first');
    expect(log).toEqual(['slow ended']);
  });

  test('an abort from outside throws its reason, whatever the branches threw', async () => {
    await expect(together(AbortSignal.abort('SIGINT'), [() => Promise.reject(new Error('x'))])).rejects.toBe(
      'SIGINT',
    );
  });
});

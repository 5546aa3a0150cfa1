import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secondOpinion } from './support/second-checker.ts';
import { read } from './support/source-tree.ts';

// Programs of the same names stand in for those that read the stores: what they print is what the real ones print.

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'second-checker-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function program(name: string, script: string): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

const write = (name: string, entries: readonly object[]): Promise<void> =>
  writeFile(join(folder, name), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));

const opinion = (...args: string[]) =>
  secondOpinion([folder, ...args], { PATH: `${folder}:${process.env.PATH}` });

const SERVICE = ['--kafka', 'k:1', '--postgres', 'one', '--postgres', 'two'];

/** Operations e1 to e4 of which the last was refused. */
async function history(): Promise<void> {
  await write('history.ndjson', [
    { t: 'header', v: 1, runId: 'run', tenant: "o'tenant" },
    ...[1, 2, 3, 4].map((op) => ({ t: 'invoke', op, event: `e${op}` })),
    ...[1, 2, 3].map((op) => ({ t: 'ok', op })),
    { t: 'fail', op: 4 },
    { t: 'end' },
  ]);
}

/** `$7` is the topic, `$1` the connection: see the script. */
async function stores(commands: readonly string[], one: readonly string[], two = one): Promise<void> {
  const record = (id: string): string => `echo '3 {"v":1,"eventId":"${id}","note":"a b"}'`;
  const foreign = 'echo "0 no json"; echo "1 null"; echo "2 "';
  await program('kcat', [foreign, ...commands.map(record)].join('\n'));
  await program(
    'psql',
    `case "$1" in one) printf '%s\\n' ${one.join(' ')};; *) printf '%s\\n' ${two.join(' ')};; esac`,
  );
}

describe('the second checker', () => {
  it('shares no code with uplift and needs no package', () => {
    const imports = [...read('scripts/second-checker.mjs').matchAll(/from '([^']+)'/g)].map(
      ([, name]) => name,
    );
    expect(imports.length).toBeGreaterThan(3);
    expect(imports.filter((name) => !name?.startsWith('node:'))).toEqual([]);
  });

  it('finds nothing where every acknowledged operation stands everywhere', async () => {
    await history();
    await stores(['e3', 'e1', 'e2', 'other'], ['e1', 'e2', 'e3', 'e4']);
    expect(await opinion(...SERVICE)).toMatchObject({
      exit: 0,
      missing: [],
      said: '3 acknowledged, 0 missing\n',
    });
  });

  it('prints what is missing in a log or on any server, sorted', async () => {
    await history();
    await stores(['e1', 'e2'], ['e1', 'e2', 'e3'], ['e2', 'e3']);
    const { exit, missing, said } = await opinion(...SERVICE);
    expect({ exit, missing }).toEqual({ exit: 10, missing: ['e1', 'e3'] });
    expect(said).toContain('e1 is not at Postgres 2\n');
    expect(said).toContain('e3 is not at reservations.commands, reservations.events\n');
  });

  it.each([
    ['a store that does not answer', async () => program('psql', 'echo no route >&2; exit 2')],
    ['a program that is not there', async () => rm(join(folder, 'kcat'))],
    ['nothing that was acknowledged', async () => write('history.ndjson', [{ t: 'header', tenant: 't' }])],
  ])('says nothing about %s', async (_, spoil) => {
    await history();
    await stores(['e1', 'e2', 'e3'], ['e1', 'e2', 'e3']);
    await spoil();
    const { exit, missing, said } = await secondOpinion([folder, ...SERVICE], {
      PATH: folder,
    });
    expect({ exit, missing }).toEqual({ exit: 12, missing: [] });
    expect(said).toMatch(/^Not known: /);
  });

  it('looks for the records of a probe in their very partitions', async () => {
    const at = (n: number, group: string, outcome = 'ok'): object => ({ id: `run:${n}`, group, outcome });
    const [first, second] = ['_uplift.probe/0', '_uplift.probe/1'];
    await write('probe.ndjson', [
      at(0, first),
      at(1, second),
      at(2, first),
      at(3, second, 'info'),
      at(4, first),
    ]);
    await program('kcat', "printf '%s\\n' '0 run:0' '1 run:1' '1 run:2' '1 other:4'");
    expect(await opinion('--probe', '--kafka', 'k:1')).toMatchObject({
      exit: 10,
      missing: ['run:2', 'run:4'],
    });
  });

  it('looks for the keys of a probe on every node that has their slot', async () => {
    const key = (n: number): object => ({ id: `uplift_probe:{t1}:run:${n}`, group: 'h:1', outcome: 'ok' });
    await write('probe.ndjson', [1, 2, 3].map(key));
    const answers = (...lines: string[]): string =>
      `printf '%s\\n' OK ${lines.map((line) => `'${line}'`).join(' ')}`;
    const echo = (n: number): string => `id=uplift_probe:{t1}:run:${n}`;
    const moved = 'MOVED 7 h:1';
    await program(
      'redis-cli',
      `case "$4" in
        1) ${answers(echo(1), '1', echo(2), '1', echo(3), moved, '')};;
        2) ${answers(echo(1), '1', echo(2), '0', echo(3), moved, '')};;
        *) ${answers(echo(1), moved, '', echo(2), moved, '', echo(3), moved, '')};;
      esac`,
    );
    const nodes = [1, 2, 3].flatMap((port) => ['--redis', `h:${port}`]);
    const { exit, missing, said } = await opinion('--probe', ...nodes);
    expect({ exit, missing }).toEqual({
      exit: 10,
      missing: ['uplift_probe:{t1}:run:2', 'uplift_probe:{t1}:run:3'],
    });
    expect(said).toContain('run:2 is not at h:2\n');
    expect(said).toContain('run:3 is not at any node\n');
  });

  it.each([
    ['that is away: redis-cli ends well all the same', 'true', 'it did not answer'],
    [
      'that answers an error',
      "printf '%s\\n' OK 'id=uplift_probe:{t1}:run:1' 'CLUSTERDOWN The cluster is down' ''",
      'CLUSTERDOWN',
    ],
  ])('takes no key for lost on a node %s', async (_, script, why) => {
    await write('probe.ndjson', [{ id: 'uplift_probe:{t1}:run:1', group: 'h:1', outcome: 'ok' }]);
    await program('redis-cli', script);
    const { exit, missing, said } = await opinion('--probe', '--redis', 'h:1');
    expect({ exit, missing }).toEqual({ exit: 12, missing: [] });
    expect(said).toContain(why);
  });

  it('looks for the rows of a probe on every server', async () => {
    await history();
    await write(
      'probe.ndjson',
      [1, 2, 10].map((n) => ({ id: String(n), group: 'primary', outcome: 'ok' })),
    );
    await program('psql', `printf '%s\\n' 1 2; test "$1" = one && echo 10; true`);
    const servers = ['--postgres', 'one', '--postgres', 'two'];
    expect(await opinion('--probe', ...servers)).toMatchObject({ exit: 10, missing: ['10'] });
  });
});

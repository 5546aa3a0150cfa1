import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DRILL_NAMES } from '../src/drills/names.ts';
import { root } from './support/source-tree.ts';

let dir = '';
let env: Record<string, string> = {};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-completion-'));
  const bin = join(dir, 'bin');
  await mkdir(bin);
  await writeFile(
    join(bin, 'uplift'),
    `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin', 'uplift.js')}' "$@"\n`,
  );
  await chmod(join(bin, 'uplift'), 0o755);
  await mkdir(join(dir, '.uplift', 'sandbox', 'blue'), { recursive: true });
  await writeFile(join(dir, '.uplift', 'sandbox', 'blue', 'uplift.yaml'), '');
  await writeFile(join(dir, 'topics.plan.json'), '');
  env = { PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`, HOME: dir, LC_ALL: 'C' };
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const shell = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, {
    cwd: dir,
    env,
    encoding: 'utf8',
    timeout: 60_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** What each shell itself would offer for a line with the cursor at its end, one a line. */
const ASK: Readonly<Record<string, (line: string) => string>> = {
  bash: (line) => {
    const words = line.split(' ');
    // compopt only works while readline completes.
    return shell('bash', [
      '--norc',
      '-c',
      `compopt() { :; }; source <(uplift completion bash); source <(uplift completion bash)
       COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
       __uplift_complete; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ]);
  },
  zsh: (line) => {
    const words = line.split(' ');
    // zsh's own functions take the place of a terminal: they print what they are given to offer.
    return shell('zsh', [
      '-f',
      '-c',
      `compdef() { :; }; source <(uplift completion zsh)
       _describe() { print -l -- \${(P)2}; }; _arguments() { print -l -- *(N); }
       words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length}
       _uplift`,
    ]);
  },
  fish: (line) =>
    shell('fish', ['--no-config', '-c', `uplift completion fish | source; complete -C '${line}'`]),
};

const installed = Object.keys(ASK).filter(
  (name) => name === 'bash' || spawnSync(name, ['-c', 'exit 0']).status === 0,
);

function offered(name: string, line: string): string[] {
  const lines = (ASK[name]?.(line) ?? '').trim().split('\n');
  return lines.map((one) => one.split(/[\t:]/)[0] ?? '').toSorted();
}

// Shells that are not installed here cannot be asked; bash always is.
describe.each(installed)('completion in %s', (name) => {
  it('offers nouns, verbs, options, choices and what the state folder holds', () => {
    expect(offered(name, 'uplift dri')).toEqual(['drill']);
    expect(offered(name, 'uplift drill ')).toEqual([
      ...['allow', 'history', 'ls', 'plan', 'recover', 'report', 'run', 'show', 'stop', 'verify'],
    ]);
    expect(offered(name, 'uplift drill run ')).toEqual(DRILL_NAMES.map(({ id }) => id).toSorted());
    expect(offered(name, 'uplift drill run kafka-broker-l')).toEqual(['kafka-broker-loss']);
    expect(offered(name, 'uplift load run --ra')).toEqual(['--rate']);
    expect(offered(name, 'uplift check --output nd')).toEqual(['ndjson']);
    expect(offered(name, 'uplift sandbox status --name ')).toEqual(['blue']);
  });

  it('never runs what was typed', () => {
    ASK[name]?.('uplift drill run $(>ran)');
    ASK[name]?.('uplift drill $(>ran) ');
    expect(existsSync(join(dir, 'ran'))).toBe(false);
  });
});

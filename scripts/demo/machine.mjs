import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../setup/paths.mjs';

const call = promisify(execFile);
const ASK_LIMIT_MS = 20_000;

/** What the figures of a report were measured on. */
export function machine() {
  const cpus = os.cpus();
  return {
    system: `${distribution()}, ${os.type()} ${os.release()}, ${os.arch()}`,
    cpu: `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown'}`,
    memory: `${(os.totalmem() / 2 ** 30).toFixed(0)} GiB`,
    'load before': os.loadavg()[0].toFixed(1),
  };
}

/** Each program says its own version; one that does not answer is said to be unknown. */
export async function serverVersions() {
  const pom = readFileSync(join(root, 'scripts', 'kafka', 'pom.xml'), 'utf8');
  const asked = {
    uplift: tree(),
    Java: say('java', ['-version'], /version "([^"]+)"/),
    Postgres: say(postgres(), ['--version'], /\) ([\d.]+)/),
    PgBouncer: say(
      existsSync('/usr/sbin/pgbouncer') ? '/usr/sbin/pgbouncer' : 'pgbouncer',
      ['--version'],
      /PgBouncer ([\d.]+)/,
    ),
    Redis: say('redis-server', ['--version'], /v=([\d.]+)/),
  };
  const versions = {
    Node: process.versions.node,
    Kafka: /<kafka.version>(.+)<\/kafka.version>/.exec(pom)[1],
  };
  for (const [name, answer] of Object.entries(asked)) versions[name] = await answer;
  return versions;
}

/** The commit, and whether files that count are not as it has them; pages of results are written by the runs themselves. */
async function tree() {
  const commit = await say('git', ['-C', root, 'log', '-1', '--format=%h'], /(\w+)/);
  const files = ['--', root, ':(exclude)docs/results'];
  const changed = await say('git', ['-C', root, 'status', '--porcelain', '-uno', ...files], /(\S+)/);
  return changed === 'unknown' ? commit : `${commit} with changes`;
}

async function say(program, args, pattern) {
  try {
    const { stdout, stderr } = await call(program, args, { timeout: ASK_LIMIT_MS });
    return pattern.exec(stdout + stderr)?.[1] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

function postgres() {
  const base = '/usr/lib/postgresql';
  const newest = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a))[0] : undefined;
  return newest === undefined ? 'postgres' : join(base, newest, 'bin', 'postgres');
}

function distribution() {
  if (!existsSync('/etc/os-release')) return os.platform();
  return /PRETTY_NAME="(.+)"/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os.platform();
}

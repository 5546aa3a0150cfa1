import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathWithoutTools } from './paths.mjs';
import { run } from './run.mjs';

/** What has to be there besides npm packages; `packages` in order of preference, the first one that Debian offers is taken. */
const NEEDS = [
  {
    name: 'java',
    least: 17,
    packages: ['openjdk-17-jre-headless', 'openjdk-21-jre-headless', 'default-jre-headless'],
    brew: 'openjdk@17',
    version: () => versionOf('java', ['-version'], /version "(\d+)/, javaFolders()),
  },
  {
    name: 'maven',
    least: 3,
    packages: ['maven'],
    brew: 'maven',
    onlyFor: 'kafka',
    version: () => versionOf('mvn', ['--version'], /Apache Maven (\d+)/),
  },
  {
    name: 'postgres',
    least: 15,
    packages: ['postgresql-15', 'postgresql-16', 'postgresql-17', 'postgresql'],
    brew: 'postgresql@15',
    version: () => versionOf('postgres', ['--version'], /\) (\d+)/, postgresFolders()),
  },
  {
    name: 'pgbouncer',
    least: 1,
    packages: ['pgbouncer'],
    brew: 'pgbouncer',
    version: () => versionOf('pgbouncer', ['--version'], /PgBouncer (\d+)/, sbinFolders()),
  },
  {
    name: 'redis',
    least: 7,
    packages: ['redis-server'],
    brew: 'redis',
    version: () => versionOf('redis-server', ['--version'], /v=(\d+)/),
  },
  {
    name: 'chromium',
    least: 110,
    packages: ['chromium'],
    brew: '--cask chromium',
    onlyFor: 'browser',
    version: () => versionOf('chromium', ['--version'], /Chromium (\d+)/),
  },
  {
    name: 'kcat',
    least: 1,
    packages: ['kcat'],
    brew: 'kcat',
    onlyFor: 'drills',
    version: () => versionOf('kcat', ['-V'], /Version (\d+)/),
  },
];

/** Looks for every server by running it: a file that is there but does not start is missing. */
export async function findServers({ forKafka = false, forBrowser = false, forDrills = false }) {
  const purposes = [
    undefined,
    ...(forKafka ? ['kafka'] : []),
    ...(forBrowser ? ['browser'] : []),
    ...(forDrills ? ['drills'] : []),
  ];
  const needs = NEEDS.filter((need) => purposes.includes(need.onlyFor));
  const found = await Promise.all(needs.map(async (need) => ({ ...need, found: await need.version() })));
  return {
    present: found.filter((need) => need.found !== undefined && need.found >= need.least),
    missing: found.filter((need) => need.found === undefined || need.found < need.least),
  };
}

async function versionOf(program, args, pattern, folders = []) {
  const candidates = [...folders.map((folder) => join(folder, program)).filter(existsSync), program];
  let best;
  for (const candidate of candidates) {
    const { code, output } = await run(candidate, args, {
      env: { ...process.env, PATH: pathWithoutTools() },
      timeoutMs: 20_000,
    });
    const version = code === 0 ? Number(pattern.exec(output)?.[1]) : Number.NaN;
    if (version > (best ?? 0)) best = version;
  }
  return best;
}

/** Debian keeps the server programs of Postgres out of PATH, one folder per version, newest first here. */
function postgresFolders() {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).filter((name) => /^\d+$/.test(name)) : [];
  const debian = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(base, version, 'bin'));
  const named = process.env.UPLIFT_POSTGRES_BIN ? [process.env.UPLIFT_POSTGRES_BIN] : [];
  return [...named, ...debian, ...brewFolders('postgresql')];
}

const javaFolders = () => [
  ...(process.env.JAVA_HOME ? [join(process.env.JAVA_HOME, 'bin')] : []),
  ...brewFolders('openjdk'),
];

/** Debian puts pgbouncer where only root's PATH looks. */
const sbinFolders = () => ['/usr/sbin', '/usr/local/sbin', ...brewFolders('pgbouncer')];

/** Homebrew does not link versioned formulas into PATH. */
function brewFolders(formula) {
  const bases = ['/opt/homebrew/opt', '/usr/local/opt'].filter(existsSync);
  return bases.flatMap((base) => {
    const names = readdirSync(base).filter((name) => name === formula || name.startsWith(`${formula}@`));
    return names
      .sort()
      .reverse()
      .map((name) => join(base, name, 'bin'));
  });
}

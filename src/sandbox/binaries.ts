import { constants } from 'node:fs';
import { access, glob, readdir, readFile, realpath } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { UpliftError } from '../core/error.ts';
import type { Binaries } from './plan-context.ts';

export interface BinarySearch {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cacheDir: string;
  /** `--kafka-home`: a folder with libs/*.jar; wins over KAFKA_HOME. */
  readonly kafkaHome?: string;
  /** A secure sandbox makes certificates, with a program that comes with Java. */
  readonly secure?: boolean;
}

export const KAFKA_VERSION = '4.3.1';
const KAFKA_JARS = ['kafka-server-', 'kafka-tools-', 'kafka-clients-'];
const JAVA_MIN = 17;
const BREW = ['/opt/homebrew', '/usr/local'];

const MISSING = {
  keytool: 'keytool (part of Java)',
  java: `java ${JAVA_MIN} or newer`,
  kafka: `Kafka ${KAFKA_VERSION} (its jars)`,
  postgres: 'postgres and initdb',
  pgbouncer: 'pgbouncer',
  redis: 'redis-server',
} as const;

/**
 * Finds every program a sandbox needs: named path, PATH, then the package managers' usual places. Anything missing is
 * UPL-SANDBOX-MISSING-BINARY with all of them and the command that gets them; nothing has been started by then.
 */
export async function findBinaries(search: BinarySearch): Promise<Binaries> {
  const [java, kafkaJars, postgresBin, pgbouncer, redisServer] = await Promise.all([
    findJava(search),
    findKafkaJars(search),
    findPostgresBin(search),
    findProgram(search, 'pgbouncer'),
    findProgram(search, 'redis-server'),
  ]);
  const keytool = search.secure === true && java !== undefined ? await findKeytool(java) : undefined;
  const found = { java, kafka: kafkaJars, postgres: postgresBin, pgbouncer, redis: redisServer, keytool };
  const optional = search.secure === true && java !== undefined ? [] : ['keytool'];
  const missing = (Object.keys(MISSING) as (keyof typeof MISSING)[]).filter(
    (key) => found[key] === undefined && !optional.includes(key),
  );
  if (!java || !kafkaJars || !postgresBin || !pgbouncer || !redisServer || missing.length > 0)
    throw missingError(missing.map((key) => MISSING[key]));
  return {
    java,
    kafkaJars,
    postgresBin,
    pgbouncer,
    redisServer,
    ...(keytool === undefined ? {} : { keytool }),
  };
}

/** Beside the java that runs the brokers, links followed. */
async function findKeytool(java: string): Promise<string | undefined> {
  const keytool = join(dirname(await realpath(java)), 'keytool');
  return (await executable(keytool)) ? keytool : undefined;
}

/** The message for everything missing at once. What to install and how is known by `uplift sandbox install` alone. */
export function missingError(missing: readonly string[]): UpliftError {
  return new UpliftError('UPL-SANDBOX-MISSING-BINARY', {
    message: `Not installed: ${missing.join(', ')}. Nothing was started.`,
    next: 'uplift sandbox install    (gets Kafka, and installs the others or says how)',
  });
}

async function findJava({ env }: BinarySearch): Promise<string | undefined> {
  const named = env.JAVA_HOME === undefined ? [] : [join(env.JAVA_HOME, 'bin', 'java')];
  const brewed = BREW.flatMap((root) => [`${root}/opt/openjdk/bin/java`, `${root}/opt/openjdk@17/bin/java`]);
  for (const candidate of [...named, ...onPath(env, 'java'), ...brewed]) {
    if ((await executable(candidate)) && (await javaMajor(candidate)) >= JAVA_MIN) return candidate;
  }
  return undefined;
}

/** Major version by the `release` file of the installation; one that has none is believed to be new enough. */
async function javaMajor(java: string): Promise<number> {
  const home = dirname(dirname(await realpath(java)));
  // macOS has a stub at /usr/bin/java that is no Java at all.
  if (process.platform === 'darwin' && home === '/usr') return 0;
  const release = await readFile(join(home, 'release'), 'utf8').catch(() => '');
  const version = /^JAVA_VERSION="(?:1\.)?(\d+)/m.exec(release)?.[1];
  return version === undefined ? JAVA_MIN : Number(version);
}

async function findKafkaJars(search: BinarySearch): Promise<readonly string[] | undefined> {
  const { kafkaHome } = search;
  const { KAFKA_HOME } = search.env;
  const usual = [
    ...(KAFKA_HOME === undefined ? [] : [join(KAFKA_HOME, 'libs')]),
    join(search.cacheDir, `kafka-${KAFKA_VERSION}`, 'libs'),
    '/opt/kafka/libs',
    '/usr/local/kafka/libs',
    '/usr/share/kafka/libs',
    ...BREW.map((root) => `${root}/opt/kafka/libexec/libs`),
  ];
  // A folder named by a flag is meant: another Kafka than that one would be a surprise.
  const folders = kafkaHome === undefined ? usual : [join(kafkaHome, 'libs')];
  for (const folder of folders) {
    const names = await readdir(folder).catch((): string[] => []);
    const jars = names.filter((name) => name.endsWith('.jar')).sort();
    const complete = KAFKA_JARS.every((prefix) => jars.some((name) => name.startsWith(prefix)));
    if (complete) return jars.map((name) => join(folder, name));
  }
  return undefined;
}

/** Debian keeps server programs out of PATH, one folder per version: the newest counts. */
async function findPostgresBin({ env }: BinarySearch): Promise<string | undefined> {
  const named = env.UPLIFT_POSTGRES_BIN === undefined ? [] : [env.UPLIFT_POSTGRES_BIN];
  const path = onPath(env, 'initdb').map((file) => dirname(file));
  const packaged = await globbed(['/usr/lib/postgresql/*/bin']);
  const brewed = await globbed(BREW.map((root) => `${root}/opt/postgresql*/bin`));
  const newestFirst = [...packaged, ...brewed].toSorted((a, b) =>
    b.localeCompare(a, 'en', { numeric: true }),
  );
  for (const folder of [...named, ...path, ...newestFirst]) {
    const whole = await Promise.all(['postgres', 'initdb'].map((name) => executable(join(folder, name))));
    if (whole.every(Boolean)) return folder;
  }
  return undefined;
}

async function globbed(patterns: string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const path of glob(patterns)) found.push(path);
  return found;
}

async function findProgram({ env }: BinarySearch, name: string): Promise<string | undefined> {
  const usual = ['/usr/sbin', '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'].map((folder) =>
    join(folder, name),
  );
  for (const candidate of [...onPath(env, name), ...usual]) {
    if (await executable(candidate)) return candidate;
  }
  return undefined;
}

function onPath(env: BinarySearch['env'], name: string): string[] {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name));
}

async function executable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { withLock } from './lock.mjs';
import { cacheFolder, pathWithoutTools, root } from './paths.mjs';
import { lastWords, run } from './run.mjs';
import { SetupError } from './stage.mjs';

const MAVEN_LIMIT_MS = 10 * 60_000;
const pom = join(root, 'scripts', 'kafka', 'pom.xml');
const pinFile = join(root, 'scripts', 'kafka', 'jars.json');
const version = () => /<kafka.version>(.+)<\/kafka.version>/.exec(readFileSync(pom, 'utf8'))[1];
const folder = () => join(cacheFolder, `kafka-${version()}`);
const libs = () => join(folder(), 'libs');

/** Are exactly the pinned jars in the cache, each of its size? (Their hashes are compared once, when they arrive.) */
export function kafkaIsThere() {
  const pinned = readPin().jars;
  if (!existsSync(libs())) return false;
  const there = readdirSync(libs()).filter((name) => name.endsWith('.jar'));
  return (
    there.length === Object.keys(pinned).length &&
    there.every((name) => pinned[name]?.bytes === statSync(join(libs(), name)).size)
  );
}

/** Kafka's jars from Maven, into a cache that all clones share; a broken or partial folder is replaced as a whole. */
export async function kafkaJars(doing) {
  if (kafkaIsThere()) return `${version()} in the cache`;
  const pin = readPin();
  if (pin.pom !== hashOf(pom)) {
    throw new SetupError(
      'scripts/kafka/pom.xml changed, its list of jars did not. Type: node scripts/setup.mjs --pin-kafka',
      { exit: 78 },
    );
  }
  return withLock(join(cacheFolder, 'kafka.lock'), doing, async () => {
    if (kafkaIsThere()) return `${version()} fetched by another set-up`;
    sweep();
    await fetched(doing, (fresh) => {
      const wrong = differences(fresh, pin.jars);
      if (wrong.length > 0) {
        throw new SetupError(
          `Maven delivered jars that are not the pinned ones: ${wrong.slice(0, 5).join(', ')}. Somebody changed them on the way, or a mirror is incomplete.`,
          { advice: ['Check the Maven mirror, then type the same command again.'] },
        );
      }
      // Aside first: a broker that runs from the old folder misses it for an instant only.
      if (existsSync(libs())) renameSync(libs(), join(fresh, '..', 'old'));
      renameSync(fresh, libs());
    });
    return `${version()}, ${Object.keys(pin.jars).length} jars, every hash as pinned`;
  });
}

/** For maintainers, after a change of pom.xml: writes down what Maven delivers now. */
export async function pinKafka(doing) {
  return fetched(doing, (fresh) => {
    const jars = Object.fromEntries(
      readdirSync(fresh)
        .sort()
        .map((name) => [
          name,
          { bytes: statSync(join(fresh, name)).size, sha256: hashOf(join(fresh, name)) },
        ]),
    );
    writeFileSync(pinFile, `${JSON.stringify({ pom: hashOf(pom), jars }, null, 2)}\n`);
    return `${Object.keys(jars).length} jars written to scripts/kafka/jars.json`;
  });
}

/** Runs Maven into a temporary folder beside the final one (a rename must not cross file systems) and hands it over. */
async function fetched(doing, use) {
  mkdirSync(folder(), { recursive: true });
  const work = mkdtempSync(join(folder(), '.fetch-'));
  try {
    copyFileSync(pom, join(work, 'pom.xml'));
    doing(`Maven fetches Kafka ${version()}${amount()}`);
    let result = await maven(work);
    if (result.code !== 0) {
      doing('Maven failed, once more');
      result = await maven(work);
    }
    if (result.code !== 0) {
      throw new SetupError(
        `Maven could not fetch Kafka ${version()}:\n${lastWords(mavenReason(result.output), 4)}`,
        {
          advice: [
            'Check the network and the mirror in ~/.m2/settings.xml, then type the same command again.',
          ],
        },
      );
    }
    return use(join(work, 'libs'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function amount() {
  const sizes = Object.values(readPin().jars).map(({ bytes }) => bytes);
  const megabytes = Math.round(sizes.reduce((sum, bytes) => sum + bytes, 0) / 1e6);
  return sizes.length === 0 ? '' : `: ${sizes.length} jars, ${megabytes} MB`;
}

function maven(work) {
  // Java takes the home folder from the user database, everybody else from $HOME.
  const options = `${process.env.MAVEN_OPTS ?? ''} -Duser.home=${homedir()}`.trim();
  const env = { ...process.env, PATH: pathWithoutTools(), MAVEN_OPTS: options };
  const args = [
    '-q',
    '-B',
    'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${join(work, 'libs')}`,
  ];
  return run('mvn', args, { env, cwd: work, timeoutMs: MAVEN_LIMIT_MS });
}

/** Maven says first what is wrong, and then a page about how to debug Maven. */
function mavenReason(output) {
  const first = /ERROR\S*\s+(.+)/.exec(stripVTControlCharacters(output))?.[1];
  return first ?? output;
}

/** Left over by set-ups that were killed; we hold the lock, so nobody else is fetching. */
function sweep() {
  if (!existsSync(folder())) return;
  for (const name of readdirSync(folder())) {
    if (name.startsWith('.fetch-')) rmSync(join(folder(), name), { recursive: true, force: true });
  }
}

function differences(fresh, pinned) {
  const there = readdirSync(fresh);
  return [
    ...there.filter((name) => pinned[name]?.sha256 !== hashOf(join(fresh, name))),
    ...Object.keys(pinned).filter((name) => !there.includes(name)),
  ];
}

const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const readPin = () =>
  existsSync(pinFile) ? JSON.parse(readFileSync(pinFile, 'utf8')) : { pom: '', jars: {} };

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { withoutStartingServices } from './quiet-install.mjs';
import { lastWords, run } from './run.mjs';
import { findServers } from './servers.mjs';
import { SetupError } from './stage.mjs';

const APT_LIMIT_MS = 15 * 60_000;
const aptEnv = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', UCF_FORCE_CONFFOLD: '1' };
const aptOptions = ['-y', '-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Options::=--force-confold'];

/** Names of what is missing, and whether `systemPackages` may install it here: as root, where there is apt. */
export async function missingPackages(purposes) {
  const { missing } = await findServers(purposes);
  return { missing: missing.map((need) => need.name), installable: isInstallable() };
}

/**
 * Java, Postgres, PgBouncer, Redis (`forKafka`: Maven too, while Kafka's jars are not there; `forBrowser`: Chromium, and
 * `forDrills`: kcat, for the tests that need one): found, installed, or one line to type.
 */
export async function systemPackages(doing, purposes) {
  const { present, missing } = await findServers(purposes);
  if (missing.length === 0) return describe(present);
  if (!isInstallable()) throw notInstallable(missing);
  return withLock(
    join(existsSync('/run/lock') ? '/run/lock' : tmpdir(), 'uplift-setup.lock'),
    doing,
    async () => {
      const now = await findServers(purposes);
      if (now.missing.length > 0) await install(doing, now.missing);
      const after = await findServers(purposes);
      if (after.missing.length === 0) return describe(after.present);
      throw new SetupError(`Installed, and still not usable: ${names(after.missing)}.`, {
        advice: linesToType(after.missing),
      });
    },
  );
}

const isInstallable = () => process.getuid() === 0 && existsSync('/usr/bin/apt-get');
const describe = (present) => present.map((need) => `${need.name} ${need.found}`).join(' · ');
const names = (needs) => needs.map((need) => need.name).join(', ');

async function install(doing, missing) {
  doing('apt-get update');
  const update = await apt(['update', ...aptOptions]);
  const packages = [];
  for (const need of missing) packages.push(await offered(need.packages));
  const wanted = ['install', '--no-install-recommends', ...aptOptions, ...packages];
  doing(`apt-get install ${packages.join(' ')}`);
  // What fails to download says so again below.
  await apt([...wanted, '--download-only']);
  const { code, output } = await withoutStartingServices(packages, () => unpack(wanted));
  if (code === 0) return;
  const updated =
    update.code === 0 ? '' : `\n  apt-get update had failed before:\n${lastWords(update.output, 4)}`;
  throw new SetupError(`apt-get install failed:\n${lastWords(output)}${updated}`, {
    advice: linesToType(missing),
  });
}

/** The first of these packages that this release of Debian (or Ubuntu) has. */
async function offered(packages) {
  for (const name of packages) {
    const { code, output } = await run('apt-cache', ['policy', name], { env: { ...aptEnv, LC_ALL: 'C' } });
    if (code === 0 && /Candidate: [^(]/.test(output)) return name;
  }
  return packages[0];
}

/** Everything is downloaded: this takes seconds, and cut in the middle it would leave half-installed packages. */
async function unpack(wanted) {
  const options = { env: aptEnv, timeoutMs: APT_LIMIT_MS, uninterruptible: true };
  const first = await run('apt-get', wanted, options);
  if (!first.output.includes('dpkg --configure -a')) return first;
  // An installation was cut off here before (power, kill -9): Debian's own repair, then once more.
  await run('dpkg', ['--force-confold', '--configure', '-a'], options);
  return run('apt-get', wanted, options);
}

const apt = (args) => run('apt-get', args, { env: aptEnv, timeoutMs: APT_LIMIT_MS });

function notInstallable(missing) {
  const least = missing.map((need) => `${need.name} ${need.least} or newer`).join(', ');
  return new SetupError(`Missing: ${least}. Type one of these lines, then the same command again.`, {
    advice: linesToType(missing),
  });
}

function linesToType(missing) {
  const sudo = process.getuid() === 0 ? '' : 'sudo ';
  const debian = missing.map((need) => need.packages[0]).join(' ');
  const brew = missing.map((need) => need.brew).join(' ');
  return [
    `Debian:  ${sudo}apt-get install --no-install-recommends ${debian}`,
    `macOS:   brew install ${brew}`,
  ];
}

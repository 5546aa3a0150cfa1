import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { run } from './run.mjs';

const MARK = '# Placed by the set-up of uplift for the time of one installation; may be deleted.';
const POLICY = '/usr/sbin/policy-rc.d';
const CLUSTER = '/etc/postgresql-common/createcluster.conf';
/** What the packages switch on for the next boot; the sandbox starts its own servers on its own ports instead. */
const SERVICES = ['pgbouncer', 'redis-server', 'postgresql'];

/**
 * Installs without side effects on the machine: no service starts now or at the next boot, and Debian's Postgres makes
 * no `main` cluster. Files that somebody else put there are respected; ours are gone afterwards, also on failure.
 */
export async function withoutStartingServices(packages, install) {
  const services = newServices(packages);
  const undo = [placePolicy(), placeClusterSettings()];
  try {
    const result = await install();
    await disableAtBoot(services);
    return result;
  } finally {
    for (const step of undo) step();
  }
}

/** Debian's own switch (invoke-rc.d asks it): 101 forbids every start. */
function placePolicy() {
  if (existsSync(POLICY) && !isOurs(POLICY)) return () => {};
  writeFileSync(POLICY, `#!/bin/sh\n${MARK}\nexit 101\n`, { mode: 0o755 });
  return () => rmSync(POLICY, { force: true });
}

function placeClusterSettings() {
  if (existsSync(CLUSTER) && !isOurs(CLUSTER)) return () => {};
  const folder = dirname(CLUSTER);
  const madeFolder = mkdirSync(folder, { recursive: true }) !== undefined;
  writeFileSync(CLUSTER, `${MARK}\ncreate_main_cluster = false\n`, { mode: 0o644 });
  return () => {
    // The package kept our file and laid its own beside it: that one belongs here.
    if (existsSync(`${CLUSTER}.ucf-dist`)) renameSync(`${CLUSTER}.ucf-dist`, CLUSTER);
    else if (isOurs(CLUSTER)) rmSync(CLUSTER, { force: true });
    if (madeFolder) removeIfEmpty(folder);
  };
}

/** Services that these packages bring along. One that is there already is somebody's, and stays as it is. */
function newServices(packages) {
  const brought = packages.map((name) => name.replace(/-\d+$/, '')).filter((name) => SERVICES.includes(name));
  return brought.filter((service) => !existsSync(`/etc/init.d/${service}`));
}

/** Speaks to systemd and to the older start links alike. Where it fails, the machine is as the packages left it. */
async function disableAtBoot(services) {
  for (const service of services) await run('update-rc.d', [service, 'disable'], { uninterruptible: true });
}

const isOurs = (file) => existsSync(file) && readFileSync(file, 'utf8').includes(MARK);

function removeIfEmpty(folder) {
  try {
    rmdirSync(folder);
  } catch {
    // Not empty: the package uses it now.
  }
}

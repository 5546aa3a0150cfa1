import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Interrupted, interruption } from './run.mjs';
import { SetupError } from './stage.mjs';

const POLL_MS = 250;
const PATIENCE_MS = 20 * 60_000;

/** Runs `work` while holding `file`; a lock whose process is gone is taken over. `waiting` is told whom we wait for. */
export async function withLock(file, waiting, work) {
  mkdirSync(dirname(file), { recursive: true });
  const deadline = Date.now() + PATIENCE_MS;
  let told = false;
  while (!take(file)) {
    const holder = holderOf(file);
    if (holder !== undefined && !isAlive(holder)) {
      evict(file, holder);
      continue;
    }
    if (interruption() !== undefined) throw new Interrupted();
    if (Date.now() > deadline) {
      throw new SetupError(
        `Another set-up (process ${holder}) has held ${file} for 20 minutes. End it, then try again.`,
      );
    }
    if (!told) waiting(`waiting for another set-up (process ${holder ?? 'just starting'})`);
    told = true;
    await pause(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file) {
  // Written first and linked afterwards: nobody ever sees a lock without its owner in it.
  const own = `${file}.${process.pid}`;
  const handle = openSync(own, 'w');
  writeSync(handle, String(process.pid));
  closeSync(handle);
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function holderOf(file) {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Removes a dead process's lock. Should a quicker one have taken it over meanwhile, its lock is put back. */
function evict(file, deadPid) {
  const aside = `${file}.dead.${process.pid}`;
  try {
    renameSync(file, aside);
    if (Number(readFileSync(aside, 'utf8')) !== deadPid) linkSync(aside, file);
  } catch {
    // Somebody else evicted it first; the next round of the caller decides.
  } finally {
    rmSync(aside, { force: true });
  }
}

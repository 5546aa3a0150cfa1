import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { descendantsOf, type ProcEntry, procEntry } from './proc-table.ts';
import { stateOf, statusOf } from './status.ts';
import type { UnitProcess } from './unit.ts';
import { type PlacedUnit, readProcess } from './unit-files.ts';

export interface SignalOptions {
  /** The process the caller means: a unit restarted since then is refused. Absent: the one recorded now. */
  readonly expect?: UnitProcess;
}

export interface KillOptions extends SignalOptions {
  /** Awaited between the look at the process and its signal: for tests of what happens in between. */
  readonly looked?: () => Promise<void>;
}

type Member = Pick<ProcEntry, 'pid' | 'startTime'>;

const GONE_TIMEOUT_MS = 10_000;
const STATE_TIMEOUT_MS = 5000;
const POLL_MS = 20;

/**
 * Sends a signal to the unit's process, only if its kernel start time is the recorded one; else UPL-UNIT-NOT-OURS.
 * Between that look and kill(2) the pid could in theory be given away: Node has no pidfd to close those microseconds.
 */
export async function signalUnit(
  unit: PlacedUnit,
  signal: NodeJS.Signals,
  options: SignalOptions = {},
): Promise<UnitProcess> {
  const target = await ownProcess(unit, options);
  try {
    process.kill(target.pid, signal);
  } catch (cause) {
    throw notOurs(unit, `pid ${target.pid} could not be signalled (${reasonOf(cause)})`);
  }
  return target;
}

/** Asks politely, waits the unit's grace, then kills; returns how it ended. A paused unit is woken to hear the signal. */
export async function stopUnit(
  unit: PlacedUnit,
  options: { readonly graceMs?: number } = {},
): Promise<'stopped' | 'killed' | 'wasNotRunning'> {
  const status = await statusOf(unit);
  if (status.state === 'neverStarted' || status.state === 'exited') return 'wasNotRunning';
  const children = await descendantsOf(status.process.pid);
  const asked = await unlessGone(async () => {
    await signalUnit(unit, unit.stop.signal, { expect: status.process });
    await signalMembers(children, 'SIGCONT');
    await signalUnit(unit, 'SIGCONT', { expect: status.process });
  });
  if (!asked) return 'stopped';
  const inTime = await gone([status.process, ...children], options.graceMs ?? unit.stop.graceMs).catch(
    (error: unknown) => {
      if (isUpliftError(error, 'UPL-DEADLINE')) return false;
      throw error;
    },
  );
  if (inTime) return 'stopped';
  await killUnit(unit, { expect: status.process });
  return 'killed';
}

/**
 * SIGKILL to the process and every descendant by pid (each Postgres backend leads its own session, so no group signal
 * reaches them), then waits until all are gone. The parent is stopped first so that it cannot fork in between.
 */
export async function killUnit(
  unit: PlacedUnit,
  options: KillOptions = {},
): Promise<UnitProcess | undefined> {
  const recorded = await readProcess(unit);
  if (recorded === undefined || (await stateOf(recorded)) === 'exited') return undefined;
  await options.looked?.();
  try {
    // Only the process that was looked at: one that was started since would be left stopped, and told of as killed.
    await signalUnit(unit, 'SIGSTOP', { expect: options.expect ?? recorded });
  } catch (error) {
    // Somebody else killed it a moment ago, and nobody started it again.
    if (options.expect === undefined && (await statusOf(unit)).state === 'exited') return recorded;
    throw error;
  }
  const children = await descendantsOf(recorded.pid);
  await signalMembers(children, 'SIGKILL');
  await unlessGone(() => signalUnit(unit, 'SIGKILL', { expect: recorded }));
  await gone([recorded, ...children], GONE_TIMEOUT_MS);
  return recorded;
}

/** SIGSTOP for the process and its descendants; all are seen as stopped in the process table before it returns. */
export async function pauseUnit(unit: PlacedUnit, options: SignalOptions = {}): Promise<UnitProcess> {
  const target = await signalUnit(unit, 'SIGSTOP', options);
  const children = await descendantsOf(target.pid);
  await signalMembers(children, 'SIGSTOP');
  await become(unit, [target, ...children], 'paused');
  return target;
}

/** SIGCONT for the descendants, then the process; all are seen as running before it returns. */
export async function resumeUnit(unit: PlacedUnit, options: SignalOptions = {}): Promise<UnitProcess> {
  const target = await ownProcess(unit, options);
  const children = await descendantsOf(target.pid);
  await signalMembers(children, 'SIGCONT');
  await signalUnit(unit, 'SIGCONT', { expect: target });
  await become(unit, [target, ...children], 'running');
  return target;
}

/** SIGKILL to exactly these processes, where their start times still match; returns once none of them lives. */
export async function killExactly(members: readonly Member[]): Promise<void> {
  await signalMembers(members, 'SIGKILL');
  await gone(members, GONE_TIMEOUT_MS);
}

async function ownProcess(unit: PlacedUnit, options: SignalOptions): Promise<UnitProcess> {
  const recorded = await readProcess(unit);
  if (recorded === undefined) throw notOurs(unit, 'it was never started');
  const { expect } = options;
  if (expect !== undefined && (expect.pid !== recorded.pid || expect.startTime !== recorded.startTime)) {
    throw notOurs(unit, `it was started again as pid ${recorded.pid}, not the expected ${expect.pid}`);
  }
  if ((await stateOf(recorded)) === 'exited')
    throw notOurs(unit, `pid ${recorded.pid} is gone or belongs to another process`);
  return recorded;
}

/** The kernel acts on a stop signal a moment later. A child that ended meanwhile does not count. */
async function become(
  unit: PlacedUnit,
  members: readonly Member[],
  state: 'running' | 'paused',
): Promise<void> {
  const settled = async (): Promise<boolean> => {
    const now = await Promise.all(members.map((member) => procEntry(member.pid)));
    return now.every(
      (entry, at) => entry?.startTime !== members[at]?.startTime || entry?.stopped === (state === 'paused'),
    );
  };
  await waitFor(settled, { what: `${unit.id} ${state}`, timeoutMs: STATE_TIMEOUT_MS, intervalMs: POLL_MS });
}

async function signalMembers(members: readonly Member[], signal: NodeJS.Signals): Promise<void> {
  await Promise.all(
    members.map(async (member) => {
      const now = await procEntry(member.pid);
      if (now?.startTime !== member.startTime) return;
      try {
        process.kill(member.pid, signal);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    }),
  );
}

async function gone(members: readonly Member[], timeoutMs: number): Promise<true> {
  return waitFor(
    async () => {
      const now = await Promise.all(members.map((member) => procEntry(member.pid)));
      return now.every((entry, at) => entry === undefined || entry.startTime !== members[at]?.startTime);
    },
    { what: `pids ${members.map((member) => member.pid).join(', ')} gone`, timeoutMs, intervalMs: POLL_MS },
  ).then(() => true as const);
}

/** False when the process had already ended by itself: that is what was wanted. */
async function unlessGone(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isUpliftError(error, 'UPL-UNIT-NOT-OURS')) return false;
    throw error;
  }
}

function notOurs(unit: PlacedUnit, why: string): UpliftError {
  return new UpliftError('UPL-UNIT-NOT-OURS', {
    message: `${unit.id} is not signalled: ${why}.`,
    next: 'uplift sandbox status',
  });
}

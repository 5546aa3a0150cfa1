import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { hear, LEASE_MS, type LineEvent, LOOK_EVERY_MS, lineAt } from './lease.ts';
import { type RunProcess, runWordOf, type WatchdogWord } from './words.ts';

/** The watchdog's end of the channel: `process` of a child with an IPC channel. */
export interface RunChannel {
  on(event: 'message', listener: (value: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  off(event: 'message', listener: (value: unknown) => void): unknown;
  off(event: 'disconnect', listener: () => void): unknown;
  readonly connected: boolean;
  send?(word: WatchdogWord, then: (error: Error | null) => void): unknown;
}

/** How the watch over a run ended. */
export interface WatchEnd {
  /** `gone`: it died, or let go of the channel, without a word; `silent`: it hangs with something to undo. */
  readonly how: 'finished' | 'gone' | 'silent';
  /** Undefined: it died before it had said who it is. */
  readonly run: RunProcess | undefined;
}

export interface Watch {
  readonly channel: RunChannel;
  readonly clock: Pick<Clock, 'monoNs'>;
  /** Whether the run's journal names something to undo. A silent run that owes nothing is left to itself. */
  readonly owes: () => Promise<boolean>;
  readonly leaseMs?: number;
  readonly lookEveryMs?: number;
}

/** Watches a run until its own end, its death, or a silence that leaves something broken. Bounded by the life of the run. */
export async function watchRun({ channel, clock, owes, ...times }: Watch): Promise<WatchEnd> {
  const { leaseMs = LEASE_MS, lookEveryMs = LOOK_EVERY_MS } = times;
  let run: RunProcess | undefined;
  let line = lineAt(clock.monoNs());
  const over = new AbortController();
  const take = (kind: LineEvent['kind']): void => {
    line = hear(line, { kind, atNs: clock.monoNs() }, leaseMs);
    if (line.state === 'gone' || line.state === 'finished') over.abort();
  };
  // The run may be gone already: what it cannot hear any more is no error.
  const say = (word: WatchdogWord['word']): unknown => channel.send?.({ word }, () => undefined);
  const onMessage = (value: unknown): void => {
    const said = runWordOf(value);
    if (said?.word === 'watch') run = { pid: said.pid, startTime: said.startTime };
    if (said?.word === 'finished') take('finished');
    if (said?.word === 'beat') take('beat');
    if (said?.word === 'beat') say('here');
  };
  const onClosed = (): void => take('closed');
  channel.on('message', onMessage);
  channel.on('disconnect', onClosed);
  try {
    if (!channel.connected) take('closed');
    say('ready');
    for (;;) {
      if (line.state === 'finished' || line.state === 'gone') return { how: line.state, run };
      if (line.state === 'silent' && (await owes()) && stillSilent()) return { how: 'silent', run };
      await delay(lookEveryMs, undefined, { signal: over.signal }).catch(() => undefined);
      take('look');
    }
  } finally {
    channel.off('message', onMessage);
    channel.off('disconnect', onClosed);
  }

  /** It may have spoken while its journal was read. */
  function stillSilent(): boolean {
    return line.state === 'silent';
  }
}

import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 100;

/** What anybody may read of processes while they live: command lines, and environments as their owner or root. */
export interface WatchedProcesses {
  /** Ends the watch: one text per command line and environment that was seen. */
  stop(): Promise<readonly string[]>;
}

/**
 * Looks again and again at every process whose command line or working folder mentions this, from now on; also at those
 * that live for a moment only, such as a tool that formats a disk.
 */
export function watchProcesses(mention: string): WatchedProcesses {
  const seen = new Set<string>();
  const stopped = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      for (const text of await textsOf(mention)) seen.add(text);
      await delay(EVERY_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const watching = watch();
  return {
    stop: async () => {
      stopped.abort();
      await watching;
      return [...seen];
    },
  };
}

async function textsOf(mention: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch((): string[] => [])).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (!line.includes(mention) && !cwd.includes(mention)) return [];
      return [line, await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')];
    }),
  );
  return texts.flat();
}

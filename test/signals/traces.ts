import { setTimeout as delay } from 'node:timers/promises';
import { leftOf, type Traces, tracesOf } from '../../src/sandbox/traces-fixture.ts';

/** Notes what a sandbox occupies while it comes and goes, so that afterwards nothing is forgotten. */
export interface TraceWatch {
  readonly stateDir: string;
  readonly name: string;
  /** Looks once more, at once. */
  look(): Promise<void>;
  /** What is left of everything that was ever seen; empty when all is gone. */
  left(): Promise<string[]>;
  stop(): Promise<void>;
}

const EVERY_MS = 100;

export function watchTraces(stateDir: string, name: string): TraceWatch {
  let all: Traces = { pids: [], ports: [], segments: [], folders: [], claimFile: undefined };
  let over = false;
  const look = async (): Promise<void> => {
    // In the middle of being made or removed, files are missing; the next look sees them or their absence.
    const now = await tracesOf(stateDir, name).catch(() => undefined);
    if (now !== undefined) all = union(all, now);
  };
  const looking = (async () => {
    while (!over) {
      await look();
      await delay(EVERY_MS);
    }
  })();
  return {
    stateDir,
    name,
    look,
    left: () => leftOf(all),
    stop: async () => {
      over = true;
      await looking;
    },
  };
}

function union(a: Traces, b: Traces): Traces {
  const both = <T>(x: readonly T[], y: readonly T[]): T[] => [...new Set([...x, ...y])];
  return {
    pids: both(a.pids, b.pids),
    ports: both(a.ports, b.ports),
    segments: both(a.segments, b.segments),
    folders: both(a.folders, b.folders),
    claimFile: b.claimFile ?? a.claimFile,
  };
}

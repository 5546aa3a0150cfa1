import { readdir, readFile } from 'node:fs/promises';
import { descendantsOf, procEntry } from '../../src/clients/process/proc-table.ts';
import { statusOf } from '../../src/clients/process/status.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import type { Sample } from './lives.ts';

/** A process to look at. */
export interface Watched {
  readonly unit: string;
  readonly kind: string;
  readonly name: string;
  readonly pid: number;
  readonly startTime: string;
}

const KIB = 1024;

/** VmRSS of /proc/PID/status in bytes (proc(5)); undefined for a process that has none any more. */
export function residentOf(status: string): number | undefined {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  return kib === undefined ? undefined : Number(kib) * KIB;
}

/** One look at a process; undefined when it ended meanwhile. */
export async function look(watched: Watched, atMs: number): Promise<Sample | undefined> {
  try {
    const status = await readFile(`/proc/${watched.pid}/status`, 'utf8');
    const handles = (await readdir(`/proc/${watched.pid}/fd`)).length;
    const entry = await procEntry(watched.pid);
    const residentBytes = residentOf(status);
    if (entry?.startTime !== watched.startTime || residentBytes === undefined) return undefined;
    return { ...watched, atMs, residentBytes, handles };
  } catch {
    return undefined;
  }
}

/** What a unit consists of now: its own process, and for Postgres every process below it. */
export async function processesOf(unit: PlacedUnit): Promise<Watched[]> {
  const status = await statusOf(unit);
  if (status.state !== 'running') return [];
  const kind = unit.kind === 'service' ? (unit.labels.role ?? unit.kind) : unit.kind;
  const { pid, startTime } = status.process;
  const own: Watched = { unit: unit.id, kind, name: unit.id, pid, startTime };
  if (unit.kind !== 'postgres') return [own];
  const children = await Promise.all(
    (await descendantsOf(pid)).map(async (child) => ({
      ...own,
      name: titleOf(await readFile(`/proc/${child.pid}/cmdline`, 'utf8').catch(() => '')),
      pid: child.pid,
      startTime: child.startTime,
    })),
  );
  return [own, ...children];
}

/** `postgres: uplift demo az-a: walwriter` → `walwriter`; what a backend does at the moment is left out. */
export function titleOf(cmdline: string): string {
  const title = cmdline.replaceAll('\0', ' ').trim();
  const [, rest = title] = /^postgres: (?:[^:]+: )?(.*)$/.exec(title) ?? [];
  return rest.replace(/ \d+\.\d+\.\d+\.\d+\(\d+\).*$/, '').slice(0, 40);
}

export interface Sampler {
  readonly samples: readonly Sample[];
  stop(): Promise<void>;
}

/** Looks at all of them every few seconds until stopped. */
export function startSampler(options: {
  readonly units: readonly PlacedUnit[];
  readonly others: readonly Watched[];
  readonly everyMs: number;
  readonly nowMs: () => number;
  /** Called with each look, so that a run which is cut off leaves what it saw. */
  readonly onSample?: (sample: Sample) => void;
}): Sampler {
  const samples: Sample[] = [];
  let stopped = false;
  let wake: (() => void) | undefined;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      const atMs = options.nowMs();
      const watched = (await Promise.all(options.units.map(processesOf))).flat();
      for (const each of [...watched, ...options.others]) {
        const sample = await look(each, atMs);
        if (sample === undefined) continue;
        samples.push(sample);
        options.onSample?.(sample);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, atMs + options.everyMs - options.nowMs()));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const running = loop();
  return {
    samples,
    async stop() {
      stopped = true;
      wake?.();
      await running;
    },
  };
}

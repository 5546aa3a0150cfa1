import { readdir, readFile, readlink } from 'node:fs/promises';
import { descendantsOf, procEntry } from '../../src/clients/process/proc-table.ts';
import { statusOf } from '../../src/clients/process/status.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { countSockets, establishedWith } from './connections.ts';
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

/** A field of /proc/PID/status in bytes (proc(5)); undefined for a process that has none any more. */
export function bytesOf(field: 'VmRSS' | 'RssShmem', status: string): number | undefined {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
  return kib === undefined ? undefined : Number(kib) * KIB;
}

/**
 * Resident memory of a process; of Postgres without the shared block, which has a fixed size (shared_buffers) and counts
 * for each process by what of it this one has touched so far.
 */
export function residentOf(kind: string, status: string): number | undefined {
  const resident = bytesOf('VmRSS', status);
  if (resident === undefined || kind !== 'postgres') return resident;
  return resident - (bytesOf('RssShmem', status) ?? 0);
}

/** Inodes of established connections: between the load and the gateways, and all there are. */
export interface Established {
  readonly traffic: ReadonlySet<string>;
  readonly all: ReadonlySet<string>;
}

const NONE: Established = { traffic: new Set(), all: new Set() };

/** One look at a process; undefined when it ended meanwhile. */
export async function look(
  watched: Watched,
  atMs: number,
  established: Established = NONE,
): Promise<Sample | undefined> {
  try {
    const status = await readFile(`/proc/${watched.pid}/status`, 'utf8');
    const links = await linksOf(watched);
    const connections = countSockets(links, watched.kind === 'kafka' ? established.all : established.traffic);
    const cached = cachedOf(watched.kind, links);
    const handles = links.length - connections - cached;
    const entry = await procEntry(watched.pid);
    const residentBytes = residentOf(watched.kind, status);
    if (entry?.startTime !== watched.startTime || residentBytes === undefined) return undefined;
    return { ...watched, atMs, residentBytes, handles, connections, cached };
  } catch {
    return undefined;
  }
}

/**
 * A file of a table or index: base/DATABASE/FILE, global/FILE, and its forks and segments. Postgres keeps those it used
 * open, up to max_files_per_process, and closes them at checkpoints: a cache, whose size says when the last one was.
 */
const RELATION = /\/(base\/\d+|global)\/\d+(_\w+)?(\.\d+)?$/;

/** PARTITION/OFFSET.log, and what compaction replaced and Kafka removes a minute later (file.delete.delay.ms). */
const SEGMENT = /^(.*\/[^/]+-\d+)\/\d+\.log(\.deleted)?$/;

/**
 * Files that a server keeps open by a plan of its own: Postgres' relations; of each partition in a broker the segments
 * beside one, whose number follows rolling and compaction. One that is open and no longer in its folder is a handle.
 */
export function cachedOf(kind: string, links: readonly string[]): number {
  if (kind === 'postgres') return links.filter((link) => RELATION.test(link)).length;
  if (kind !== 'kafka') return 0;
  const folders = links.flatMap((link) => SEGMENT.exec(link)?.[1] ?? []);
  return folders.length - new Set(folders).size;
}

/** Kinds of process of which some descriptors are told apart: both ends of the load's connections, Kafka, Postgres. */
const TOLD_APART = ['gateway', 'kafka', 'load', 'postgres'];

/** What the descriptors of a process are; each is asked for only where that matters. */
async function linksOf({ pid, kind }: Watched): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  if (!TOLD_APART.includes(kind)) return names;
  // One that is closed between the two looks is nothing in particular.
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
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
  return rest.replace(/ (\d+\.\d+\.\d+\.\d+\(\d+\)|recovering|streaming).*$/, '').slice(0, 40);
}

/** Every connection of IPv4 and IPv6; a JVM opens the second kind also towards 127.0.0.1. */
async function connectionTable(): Promise<string> {
  const files = ['/proc/net/tcp', '/proc/net/tcp6'];
  return (await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))).join('\n');
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
  const gateways = options.units.filter(({ labels }) => labels.role === 'gateway');
  const ports = new Set(gateways.map(({ labels }) => Number(labels.port)));
  let stopped = false;
  let wake: (() => void) | undefined;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      const atMs = options.nowMs();
      const watched = (await Promise.all(options.units.map(processesOf))).flat();
      const table = await connectionTable();
      const established = { traffic: establishedWith(ports, table), all: establishedWith('any', table) };
      for (const each of [...watched, ...options.others]) {
        const sample = await look(each, atMs, established);
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

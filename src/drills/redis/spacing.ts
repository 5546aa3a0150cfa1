import { readRecord } from '../../record/open.ts';
import { STEP } from '../../steps/journal-kinds.ts';
import { listRuns, runFolder } from '../run-folder.ts';

/** When a drill of ours last changed who leads a shard. */
export interface LastFailover {
  readonly runId: string;
  readonly atMs: number;
}

interface Line {
  readonly kind: string;
  readonly wall: string;
  readonly body: unknown;
}

const REDIS_KINDS = 'drill.redis.';
const STEP_KINDS: readonly string[] = Object.values(STEP);
/** Runs are minutes apart at least; what matters is seconds ago. */
const RUNS_READ = 10;

/** Pure: wall clock of the last thing a journal says of its steps, if it has one that acts on Redis; undefined: it has none. */
export function lastActAt(entries: readonly Line[]): number | undefined {
  const acts = entries.some(
    ({ kind, body }) => kind === STEP.intent && JSON.stringify(body).includes(`"${REDIS_KINDS}`),
  );
  const last = acts ? entries.findLast(({ kind }) => STEP_KINDS.includes(kind)) : undefined;
  return last === undefined ? undefined : Date.parse(last.wall);
}

/**
 * The last of our own drills that acted on Redis, from the journals in this journal folder. Redis keeps no time of a
 * failover: one that somebody else made is seen only in what it left (a node that was started just now).
 */
export async function lastFailover(journalDir: string): Promise<LastFailover | undefined> {
  for (const runId of (await listRuns(journalDir)).slice(-RUNS_READ).reverse()) {
    const record = await readRecord(runFolder(journalDir, runId).journal).catch(() => undefined);
    const atMs = record === undefined ? undefined : lastActAt(record.entries);
    if (atMs !== undefined) return { runId, atMs };
  }
  return undefined;
}

import { setTimeout as delay } from 'node:timers/promises';
import { openSql, type SqlTarget } from '../../src/clients/postgres/index.ts';

export interface RowWriter {
  /** Ids whose COMMIT was acknowledged; one that answered with notice 01000 is not among them. */
  readonly acknowledged: ReadonlySet<number>;
  /** When each acknowledgement came, ms of `performance.now()`. */
  readonly timesMs: readonly number[];
  readonly unknown: ReadonlySet<number>;
  failures(): number;
  stop(): Promise<void>;
}

/** Writes rows one after another on several lanes until it is stopped, and remembers which commits were acknowledged. */
export async function startRowWriter(target: SqlTarget, table: string, lanes = 4): Promise<RowWriter> {
  const sql = openSql({ ...target, maxConnections: lanes });
  await sql.query(`CREATE TABLE IF NOT EXISTS ${table} (id bigint PRIMARY KEY)`);
  const [acknowledged, unknown, timesMs] = [new Set<number>(), new Set<number>(), [] as number[]];
  let [next, failures, stopped] = [0, 0, false];
  const lane = async (): Promise<void> => {
    while (!stopped) {
      next += 1;
      const id = next;
      try {
        const end = await sql.transaction((tx) => tx.query(`INSERT INTO ${table} VALUES ($1)`, [id]));
        if (end.state === 'committed') {
          acknowledged.add(id);
          timesMs.push(performance.now());
        } else unknown.add(id);
      } catch {
        failures += 1;
        await delay(20);
      }
    }
  };
  const running = Array.from({ length: lanes }, lane);
  return {
    acknowledged,
    unknown,
    timesMs,
    failures: () => failures,
    stop: async () => {
      stopped = true;
      await Promise.all(running);
      await sql.close();
    },
  };
}

/** The longest pause between two acknowledgements after a moment. */
export function longestGapMs(timesMs: readonly number[], fromMs: number): number {
  const after = [fromMs, ...timesMs.filter((at) => at > fromMs)];
  return Math.max(...after.slice(1).map((at, index) => at - (after[index] ?? at)));
}

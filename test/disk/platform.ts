import { openSql } from '../../src/clients/postgres/index.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { openOneRegion, postgresTargets } from '../../src/commands/shared/region.ts';
import type { Readyz } from '../../src/contract/http.ts';
import type { Finding } from '../../src/core/finding.ts';
import { waitFor } from '../../src/core/wait.ts';
import { type LoadedHistory, loadHistory } from '../../src/load/history-reader.ts';
import { quietDeps } from '../support/quiet-deps.ts';
import type { ProofSandbox } from '../support/sandbox.ts';
import type { RunningCli } from '../support/sandbox-cli.ts';
import { nextRun, runIds, type SeenRun } from '../support/sandbox-runs.ts';

const FINDING_MS = 150_000;
const APPLIED_MS = 120_000;
const LOAD = ['load', 'run', '--duration', '5m', '--rate', '60'];

/** What `check` finds under an id, once it is what is waited for. */
export function untilFinding(
  sandbox: ProofSandbox,
  id: string,
  wanted: (finding: Finding) => boolean,
): Promise<Finding> {
  return waitFor(
    async () => {
      const { stdout } = await sandbox.run(['check', '--output', 'json']);
      const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
      const found = findings.find((finding) => finding.id === id);
      if (found !== undefined && wanted(found)) return found;
      throw new Error(found === undefined ? `no ${id}` : `${found.status}: ${found.summary}`);
    },
    { what: `the finding of ${id}`, timeoutMs: FINDING_MS, intervalMs: 500 },
  );
}

export const passes = ({ status }: Finding): boolean => status === 'pass';

/** What a process of the service says of itself. */
export async function readyzOf(unit: PlacedUnit): Promise<Readyz> {
  const url = `http://127.0.0.1:${unit.labels.port}/readyz`;
  return (await (await fetch(url, { signal: AbortSignal.timeout(5000) })).json()) as Readyz;
}

/** Load that goes on until it is told to stop; its acknowledgements are read from its history, not from what it says. */
export class RunningLoad {
  readonly #child: RunningCli;
  readonly #run: SeenRun;

  private constructor(child: RunningCli, run: SeenRun) {
    this.#child = child;
    this.#run = run;
  }

  static async start(sandbox: ProofSandbox): Promise<RunningLoad> {
    const known = await runIds(sandbox);
    const child = sandbox.start(LOAD, 400_000);
    // Awaited in stop(); a test that failed before must not leave a rejection behind.
    child.ended.catch(() => undefined);
    const load = new RunningLoad(child, await nextRun(sandbox, known));
    await load.moreThan(100);
    return load;
  }

  /** Waits until so many more acknowledgements are on disk than there are now. */
  async moreThan(count: number): Promise<void> {
    const before = await this.#acknowledged().catch(() => 0);
    await waitFor(async () => (await this.#acknowledged()) >= before + count, {
      what: `${count} more acknowledgements`,
      timeoutMs: 90_000,
      intervalMs: 500,
    });
  }

  /** Ends the schedule and answers the ids of what was acknowledged. */
  async stop(): Promise<readonly string[]> {
    this.#child.kill('SIGINT');
    await this.#child.ended;
    const { report, ops } = await this.#history();
    if (report.digest !== 'equal') throw new Error(`the history did not come to its end: ${report.digest}`);
    return acknowledgedIn(ops);
  }

  async #acknowledged(): Promise<number> {
    return acknowledgedIn((await this.#history()).ops).length;
  }

  #history(): Promise<LoadedHistory> {
    return loadHistory(this.#run.history);
  }
}

const acknowledgedIn = (ops: LoadedHistory['ops']): string[] => [
  ...new Set(ops.filter(({ outcome }) => outcome === 'ok').map(({ eventId }) => eventId)),
];

/**
 * Waits until every one of these operations stands in Postgres exactly once: on the writer, or on one replica by name
 * (`az-b`).
 */
export async function untilApplied(
  sandbox: ProofSandbox,
  ids: readonly string[],
  replica?: string,
): Promise<void> {
  const deps = quietDeps(sandbox.configFile, sandbox.stateDir, sandbox.workDir);
  const targets = await postgresTargets(deps, await openOneRegion(deps));
  const target =
    replica === undefined ? targets?.writer : targets?.replicas.find(({ name }) => name === replica);
  if (target === undefined) throw new Error(`uplift.yaml names no Postgres ${replica ?? 'writer'}`);
  const sql = openSql(target);
  const text =
    'SELECT count(*)::int AS rows, count(DISTINCT event_id)::int AS ids FROM uplift_operations WHERE event_id = ANY($1)';
  try {
    await waitFor(
      async () => {
        const { rows } = await sql.query<{ rows: number; ids: number }>(text, [[...ids]]);
        const [seen] = rows;
        if (seen?.ids === ids.length && seen.rows === ids.length) return true;
        throw new Error(`${seen?.ids} of ${ids.length} in ${seen?.rows} rows`);
      },
      { what: `${ids.length} operations in ${target.name}`, timeoutMs: APPLIED_MS, intervalMs: 500 },
    );
  } finally {
    await sql.close();
  }
}

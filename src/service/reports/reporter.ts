import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Sql } from '../../clients/postgres/index.ts';
import type { ProbeResult } from '../runtime/probes.ts';
import { Retries } from '../runtime/retry.ts';
import { REPORT_MS, type Role } from './report.ts';
import { sayReport } from './store.ts';

export interface ReporterOptions {
  readonly sql: Sql;
  readonly role: Role;
  readonly instance: string;
  readonly report: () => object;
  readonly probes: () => readonly ProbeResult[];
  readonly log: Logger;
  readonly everyMs?: number;
}

/** Says every few seconds how a process is. A report that Postgres does not take is not kept: the next one says it all. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #life = randomUUID();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { everyMs = REPORT_MS, log } = this.#options;
    const { signal } = this.#stop;
    const retries = new Retries();
    while (!signal.aborted) {
      try {
        await this.#say();
      } catch (error) {
        const { reason, isNew } = retries.failed(error);
        if (isNew) log.warn({ reason }, 'the report of this process was not taken');
      }
      await delay(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #say(): Promise<void> {
    const { sql, role, instance, report, probes } = this.#options;
    await sayReport(sql, {
      role,
      instance,
      life: this.#life,
      notReady: notReadyOf(probes()),
      report: report(),
    });
  }
}

/** The probes that are not well, in one line; null when all are. No probe at all is not well. */
export function notReadyOf(probes: readonly ProbeResult[]): string | null {
  if (probes.length === 0) return 'nothing was asked yet';
  const bad = probes.filter(({ ok }) => !ok);
  return bad.length === 0 ? null : bad.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
}

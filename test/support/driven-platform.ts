import { join } from 'node:path';
import type { HttpClient } from '../../src/clients/http/http.ts';
import { openHttp } from '../../src/clients/http/index.ts';
import { openCluster, openRead, openTopics } from '../../src/clients/kafka/index.ts';
import type { Cluster, Read } from '../../src/clients/kafka/ports.ts';
import { openSql } from '../../src/clients/postgres/index.ts';
import { type PlacedUnit, readUnits } from '../../src/clients/process/unit-files.ts';
import { openOneRegion, postgresTargets } from '../../src/commands/shared/region.ts';
import type { NamedServer } from '../../src/drills/reads/gather.ts';
import { sandboxDir, sandboxPaths } from '../../src/sandbox/layout.ts';
import { NODE_HEAP } from '../../src/sandbox/service-plan.ts';
import { quietDeps } from './quiet-deps.ts';
import { type CliResult, type RunningCli, runCli, startCli } from './sandbox-cli.ts';

const COMMAND_MS = 180_000;
/** Final reads of half an hour take longer than what a check asks for. */
const READ_MS = 120_000;

/** A sandbox of its own, driven through the command line only. */
export class Platform {
  readonly stateDir: string;
  readonly #workDir: string;
  readonly #name: string;

  constructor(workDir: string, name: string) {
    this.#workDir = workDir;
    this.#name = name;
    this.stateDir = join(workDir, 'state');
  }

  /** Servers, service and topics; what was started is the caller's to take `down`, also when this throws. */
  async up(): Promise<void> {
    await this.run(['sandbox', 'up', '--name', this.#name]);
    await this.run(['topics', 'apply', '--yes']);
  }

  kill(unit: string): Promise<CliResult> {
    return this.run(['sandbox', 'kill', unit, '--name', this.#name]);
  }

  startUnit(unit: string): Promise<CliResult> {
    return this.run(['sandbox', 'start', unit, '--name', this.#name]);
  }

  /** Stops and starts a service process that is told something else from now on: `NAME=VALUE`. */
  restart(unit: string, env: string): Promise<CliResult> {
    return this.run(['sandbox', 'restart', unit, '--env', env, '--name', this.#name]);
  }

  /** SIGSTOP or SIGCONT. */
  hang(unit: string, verb: 'pause' | 'resume'): Promise<CliResult> {
    return this.run(['sandbox', verb, unit, '--name', this.#name]);
  }

  down(): Promise<CliResult> {
    return this.run(['sandbox', 'down', '--name', this.#name]);
  }

  /** Where the files of its units stand. */
  get unitsDir(): string {
    return sandboxPaths(this.#dir, this.#dir).units;
  }

  get logsDir(): string {
    return sandboxPaths(this.#dir, this.#dir).logs;
  }

  units(): Promise<PlacedUnit[]> {
    return readUnits(this.unitsDir);
  }

  /** Runs a command; any exit code but 0 is an error with what was said. */
  async run(args: readonly string[]): Promise<CliResult> {
    const result = await runCli(args, this.#cli(COMMAND_MS));
    if (result.exit === 0) return result;
    throw new Error(`uplift ${args.join(' ')}: exit ${result.exit}\n${result.stdout}\n${result.stderr}`);
  }

  /** A command that goes on while others run, with a heap as small as the service's, for the same reason. */
  start(args: readonly string[], timeoutMs: number): RunningCli {
    const { env, ...cli } = this.#cli(timeoutMs);
    return startCli(args, { ...cli, env: { ...env, NODE_OPTIONS: NODE_HEAP.join(' ') } });
  }

  /** As above, with the heap that a shell gives it, whatever its exit code will be. */
  launch(args: readonly string[], timeoutMs: number): RunningCli {
    return startCli(args, this.#cli(timeoutMs));
  }

  /** Clients of our own, for looking at what the kills did and for the final reads. */
  async open(): Promise<Ports> {
    const deps = quietDeps(join(this.#dir, 'uplift.yaml'), this.stateDir, this.#workDir);
    const region = await openOneRegion(deps);
    const targets = await postgresTargets(deps, region);
    const gateways = region.config.service?.gateways.map(({ url }) => url) ?? [];
    if (targets === undefined) throw new Error('the sandbox names no Postgres');
    const cluster = openCluster(region.kafka);
    const topics = openTopics(region.kafka);
    const read = openRead(region.kafka);
    const http = openHttp({ origins: gateways, connections: 32, timeoutMs: 10_000 });
    const writer = { name: targets.writer.name, ask: openSql(targets.writer) };
    const replicas = targets.replicas.map((target) => ({ name: target.name, ask: openSql(target) }));
    const close = async (): Promise<void> => {
      const servers = [writer, ...replicas].map(({ ask }) => ask.close());
      await Promise.allSettled([cluster.close(), topics.close(), read.close(), http.close(), ...servers]);
    };
    return { cluster, topics, read, http, gateways, writer, replicas, timeoutMs: READ_MS, close };
  }

  get #dir(): string {
    return sandboxDir(this.stateDir, this.#name);
  }

  #cli(timeoutMs: number): Parameters<typeof runCli>[1] {
    return { cwd: this.#workDir, env: { UPLIFT_STATE_DIR: this.stateDir }, timeoutMs };
  }
}

export interface Ports {
  readonly cluster: Cluster;
  readonly topics: ReturnType<typeof openTopics>;
  readonly read: Read;
  readonly http: HttpClient;
  readonly gateways: readonly string[];
  readonly writer: NamedServer;
  readonly replicas: readonly NamedServer[];
  readonly timeoutMs: number;
  close(): Promise<void>;
}

import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KafkaTarget, openCluster } from '../../src/clients/kafka/index.ts';
import type { Cluster } from '../../src/clients/kafka/ports.ts';
import type { UnitKind } from '../../src/clients/process/unit.ts';
import { type PlacedUnit, readUnits } from '../../src/clients/process/unit-files.ts';
import { waitFor } from '../../src/core/wait.ts';
import { kafkaAccess } from '../../src/sandbox/kafka-secure.ts';
import { sandboxPaths } from '../../src/sandbox/layout.ts';
import { nothingLeft, type Traces, tracesOf } from '../../src/sandbox/traces-fixture.ts';
import { failure, keepEvidence } from './evidence.ts';
import { type CliResult, documentOf, type RunningCli, startCli } from './sandbox-cli.ts';

export interface ProofOptions {
  /** False: the servers only, without the reference service. */
  readonly service?: boolean;
  /** False: the cluster stays empty. */
  readonly topics?: boolean;
  /** True: Kafka takes TLS with a login only. */
  readonly secure?: boolean;
}

const COMMAND_MS = 150_000;

/**
 * A whole sandbox of one test file, started, used and ended through the command line only, in a temporary state folder
 * of its own. `down` proves that nothing is left.
 */
export class ProofSandbox {
  readonly name = `proof-${randomBytes(4).toString('hex')}`;
  readonly folder: string;
  readonly stateDir: string;
  /** Empty at first: the working folder of every command, and room for plans and other configurations. */
  readonly workDir: string;
  readonly secure: boolean;
  /** Everything that its commands printed, a text per command. */
  readonly transcript: string[] = [];

  private constructor(folder: string, secure: boolean) {
    this.folder = folder;
    this.secure = secure;
    this.stateDir = join(folder, 'state');
    this.workDir = folder;
  }

  /** All or nothing: what was started is taken down again before an error is thrown. */
  static async start(options: ProofOptions = {}): Promise<ProofSandbox> {
    const folder = await mkdtemp(join(tmpdir(), 'uplift-proof-'));
    // Servers that run as another user must be able to pass through it.
    await chmod(folder, 0o755);
    const sandbox = new ProofSandbox(folder, options.secure === true);
    try {
      await sandbox.#build(options);
      return sandbox;
    } catch (error) {
      await keepEvidence('the start', sandbox.name, sandbox.dir, sandbox.stateDir);
      await sandbox.run(['sandbox', 'down', '--name', sandbox.name]).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #build({ service = true, topics = true }: ProofOptions): Promise<void> {
    const flags = [...(service ? [] : ['--no-service']), ...(this.secure ? ['--secure'] : [])];
    await this.json(['sandbox', 'up', '--name', this.name, ...flags], 0);
    if (topics) await this.json(['topics', 'apply', '--yes'], 0);
    if (topics && service) await this.serviceReady();
  }

  get dir(): string {
    return join(this.stateDir, 'sandbox', this.name);
  }

  get configFile(): string {
    return join(this.dir, 'uplift.yaml');
  }

  get unitsDir(): string {
    return join(this.dir, 'units');
  }

  async units(kind: UnitKind): Promise<PlacedUnit[]> {
    return (await readUnits(this.unitsDir)).filter((unit) => unit.kind === kind);
  }

  start(args: readonly string[], timeoutMs = COMMAND_MS): RunningCli {
    const env = { UPLIFT_STATE_DIR: this.stateDir };
    const running = startCli(args, { cwd: this.workDir, env, timeoutMs });
    const note = ({ stdout, stderr }: CliResult): void => void this.transcript.push(stdout, stderr);
    running.ended.then(note, () => undefined);
    return running;
  }

  run(args: readonly string[], timeoutMs = COMMAND_MS): Promise<CliResult> {
    return this.start(args, timeoutMs).ended;
  }

  /** Runs a command with `--output json` and parses its document; another exit code fails and shows what was said. */
  async json<T extends object>(args: readonly string[], exit: number, timeoutMs = COMMAND_MS): Promise<T> {
    const result = await this.run([...args, '--output', 'json'], timeoutMs);
    expectExit(result, exit);
    return documentOf<T>(result);
  }

  /** The cluster as a client of the test's own reaches it. */
  async kafkaTarget(): Promise<KafkaTarget> {
    return {
      ...(await kafkaAccess(sandboxPaths(this.dir, this.dir), this.secure)),
      brokers: (await this.units('kafka')).map((unit) => `127.0.0.1:${unit.labels.port}`),
      clientId: 'proof',
      requestTimeoutMs: 5000,
    };
  }

  async withCluster<T>(look: (cluster: Cluster) => Promise<T>): Promise<T> {
    const cluster = openCluster(await this.kafkaTarget());
    try {
      return await look(cluster);
    } finally {
      await cluster.close();
    }
  }

  /** Every process of the service says that it is ready. */
  async serviceReady(): Promise<void> {
    const services = await this.units('service');
    const probe = async (): Promise<boolean> => {
      for (const { labels } of services) {
        const answer = await fetch(`http://127.0.0.1:${labels.port}/readyz`, {
          signal: AbortSignal.timeout(3000),
        });
        if (answer.status !== 200) throw new Error(await answer.text());
      }
      return true;
    };
    await waitFor(probe, { what: 'the service is ready', timeoutMs: 60_000 });
  }

  /** `sandbox down`; then no process, port, segment of shared memory or folder of it is left. After a failure, evidence is. */
  async down(): Promise<void> {
    const failed = failure();
    if (failed !== undefined) await keepEvidence(failed, this.name, this.dir, this.stateDir);
    const traces: Traces = await tracesOf(this.stateDir, this.name);
    // When it fails the folder stays: its unit files are the way to stop what still runs.
    await this.json(['sandbox', 'down', '--name', this.name], 0);
    try {
      await nothingLeft(traces);
    } finally {
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}

const WITHIN_MS = 15_000;
/** On a machine that is too busy: a command that asks servers, against one that asks nobody. */
const TIMES_AS_LONG = 8;

/** Every one of these answered soon; a busy machine is measured by `config show` that ran beside them. */
export function expectSoon(results: readonly CliResult[], beside: CliResult): void {
  const withinMs = Math.max(WITHIN_MS, TIMES_AS_LONG * beside.tookMs);
  const late = results.filter(({ tookMs }) => tookMs >= withinMs);
  if (late.length > 0)
    throw new Error(
      `took ${late.map(({ tookMs }) => tookMs).join(', ')} ms, beside one of ${beside.tookMs} ms`,
    );
}

/** Fails with everything that was printed, so that a red run on another machine can be understood. */
export function expectExit(result: CliResult, exit: number): void {
  if (result.exit === exit) return;
  const how = result.exit === null ? `ended by ${result.signal}` : `exit ${result.exit}`;
  throw new Error(`expected exit ${exit}, seen: ${how}\n${result.stdout}\n${result.stderr}`);
}

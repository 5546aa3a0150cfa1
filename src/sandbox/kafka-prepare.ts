import { createHash, randomBytes } from 'node:crypto';
import { access, cp, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitReady } from '../clients/process/ready.ts';
import { stopUnit } from '../clients/process/signal.ts';
import { startUnit } from '../clients/process/start.ts';
import { writeUnit } from '../clients/process/unit-files.ts';
import { makeCertificates } from './kafka-certificates.ts';
import { initialControllers, javaFlags, type KafkaNode, kafkaNodes, planKafka } from './kafka-plan.ts';
import { keyFiles } from './kafka-secure.ts';
import type { Binaries, PlanContext } from './plan-context.ts';
import { runCommand } from './run-command.ts';
import { brokersRegistered } from './servers-ready.ts';

const FORMAT_TIMEOUT_MS = 60_000;
const TRAINING_TIMEOUT_MS = 60_000;
const TRAINING = 'kafka-training';

/** Cache path of the AppCDS archive; another JVM or other jars have another name, so a stale one is never tried. */
export async function archivePath(
  cacheDir: string,
  binaries: Pick<Binaries, 'java' | 'kafkaJars'>,
): Promise<string> {
  const files = [await realpath(binaries.java), ...binaries.kafkaJars];
  const marks = await Promise.all(
    files.map(async (file) => `${file} ${(await stat(file)).size} ${(await stat(file)).mtimeMs}`),
  );
  return join(
    cacheDir,
    `kafka-${createHash('sha256').update(marks.join('\n')).digest('hex').slice(0, 16)}.jsa`,
  );
}

/**
 * Formats the first node's storage with Kafka's own tool and gives the others a copy with their own node.id and
 * directory.id: one JVM instead of one per node. Broker-only nodes hold no quorum state.
 */
export async function formatKafka(context: PlanContext, signal: AbortSignal): Promise<void> {
  const nodes = kafkaNodes(context);
  const [first, ...others] = nodes;
  if (first === undefined) return;
  if (context.options.secure) await makeCertificates(context, signal);
  await formatStorage(context, first.propertiesFile, initialControllers(nodes), signal);
  await rm(keyFiles(context.paths).scramUsers, { force: true });
  const meta = await readFile(join(first.dataDir, 'meta.properties'), 'utf8');
  await Promise.all(others.map((node) => copyStorage(first, node, meta)));
}

async function formatStorage(
  context: PlanContext,
  file: string,
  controllers: string,
  signal: AbortSignal,
): Promise<void> {
  const { java, kafkaJars } = context.binaries;
  const tool = [
    'kafka.tools.StorageTool',
    'format',
    '-t',
    context.clusterId,
    '-c',
    file,
    '--initial-controllers',
    controllers,
    ...(context.options.secure ? [`@${keyFiles(context.paths).scramUsers}`] : []),
  ];
  await runCommand([java, ...javaFlags(context), '-cp', kafkaJars.join(':'), ...tool], {
    what: 'Formatting the storage of Kafka',
    env: context.baseEnv,
    cwd: context.paths.dir,
    timeoutMs: FORMAT_TIMEOUT_MS,
    noteIn: context.paths.dir,
    secrets: Object.values(context.kafkaSecrets),
    signal,
  });
}

async function copyStorage(from: KafkaNode, to: KafkaNode, meta: string): Promise<void> {
  if (to.voter) await cp(from.dataDir, to.dataDir, { recursive: true });
  else await cp(join(from.dataDir, 'bootstrap.checkpoint'), join(to.dataDir, 'bootstrap.checkpoint'));
  await writeFile(join(to.dataDir, 'meta.properties'), metaFor(meta, to));
}

/** meta.properties of another node of the same cluster. */
export function metaFor(meta: string, node: Pick<KafkaNode, 'id' | 'directoryId'>): string {
  return meta
    .replace(/^node\.id=.*$/m, `node.id=${node.id}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${node.directoryId}`);
}

/**
 * Builds the AppCDS archive when there is none: one node runs alone on kafka-1's ports until it is up, and writes the
 * archive at exit (JEP 350). Once per machine and Kafka version, about six seconds; halves every later start. The file
 * appears by rename, so sandboxes starting side by side never see half of one. Returns false when it did not work:
 * everything starts without it, only slower.
 */
export async function ensureArchive(
  context: PlanContext,
  signal: AbortSignal,
  onBuild: () => void,
): Promise<'there' | 'built' | 'failed'> {
  if (await there(context.archive)) return 'there';
  onBuild();
  const temporary = `${context.archive}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await train(context, temporary, signal);
    await rename(temporary, context.archive);
    return 'built';
  } catch {
    signal.throwIfAborted();
    return 'failed';
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The training node is a unit like any other, so that `sandbox down` finds it even when this process dies here. */
async function train(context: PlanContext, archive: string, signal: AbortSignal): Promise<void> {
  const { paths } = context;
  const dataDir = join(paths.data, TRAINING);
  // Plaintext: the archive is for every sandbox of this machine, and this node serves nobody.
  const alone: PlanContext = { ...context, options: { ...context.options, brokers: 1, secure: false } };
  const { units, files } = planKafka(alone);
  const [node] = kafkaNodes(alone);
  const [template] = units;
  const [properties] = files;
  if (node === undefined || template === undefined || properties === undefined) return;
  const file = join(paths.conf, `${TRAINING}.properties`);
  await mkdir(dataDir, { recursive: true });
  await writeFile(file, properties.text.replaceAll(node.dataDir, dataDir));
  await formatStorage(alone, file, initialControllers([node]), signal);
  const argv = template.argv.map((arg) => {
    if (arg.startsWith('-XX:SharedArchiveFile=')) return `-XX:ArchiveClassesAtExit=${archive}`;
    return arg === node.propertiesFile ? file : arg;
  });
  const unit = await writeUnit(paths.units, {
    ...template,
    id: TRAINING,
    argv,
    logFile: join(paths.logs, `${TRAINING}.log`),
  });
  try {
    await startUnit(unit);
    await waitReady(unit, { signal });
    await brokersRegistered([unit], signal);
    await stopUnit(unit, { graceMs: TRAINING_TIMEOUT_MS });
  } finally {
    await stopUnit(unit, { graceMs: 0 });
    const files_ = [join(paths.units, `${TRAINING}.json`), unit.stateFile, file, dataDir];
    await Promise.all(files_.map((path) => rm(path, { recursive: true, force: true })));
  }
}

async function there(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProofSandbox } from './sandbox.ts';

/** What Kafka's own console consumer printed of a topic. */
export interface ConsoleRead {
  readonly records: number;
  /** Everything, one record a line: partition, offset, headers, key, value. */
  readonly text: string;
  /** Header `event-id` of each record. */
  readonly eventIds: ReadonlySet<string>;
}

const CONSUMER = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
const SHOWN = ['partition', 'offset', 'headers', 'key', 'value'];
/** Ends a read that does not get to `records`; the count then says so. */
const SILENCE_MS = 20_000;

/**
 * Reads a topic from its beginning with the console consumer that Kafka ships, until it has seen as many records as
 * are there. It shares no line of code with us: not the client, not the reader, not the decoder.
 */
export async function readWithConsole(
  sandbox: ProofSandbox,
  topic: string,
  records: number,
): Promise<ConsoleRead> {
  const [unit] = await sandbox.units('kafka');
  const [java, classPath] = [unit?.argv[0], unit?.argv[unit.argv.indexOf('-cp') + 1]];
  if (unit === undefined || java === undefined || classPath === undefined)
    throw new Error('the sandbox has no Kafka unit to take the class path from');
  const args = [
    ...['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'],
    ...[`-Djava.io.tmpdir=${sandbox.workDir}`, '-cp', classPath, CONSUMER],
    ...['--bootstrap-server', `127.0.0.1:${unit.labels.port}`, '--topic', topic, '--from-beginning'],
    ...['--max-messages', String(records), '--timeout-ms', String(SILENCE_MS)],
    ...['--command-property', 'enable.auto.commit=false'],
    ...SHOWN.flatMap((part) => ['--formatter-property', `print.${part}=true`]),
  ];
  const options = { timeout: 90_000, maxBuffer: 512 * 1024 * 1024, cwd: sandbox.workDir };
  const { stdout } = await promisify(execFile)(java, args, options);
  const lines = stdout.split('\n').filter((line) => line.startsWith('Partition:'));
  const ids = lines.flatMap((line) => /\bevent-id:([0-9a-f]{32})/.exec(line)?.[1] ?? []);
  return { records: lines.length, text: stdout, eventIds: new Set(ids) };
}

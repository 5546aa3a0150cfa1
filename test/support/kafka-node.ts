import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LIBS = process.env.UPLIFT_KAFKA_LIBS ?? join(homedir(), '.cache', 'uplift', 'kafka-4.3.1', 'libs');
const JVM = [
  '-Xms64m',
  '-Xmx256m',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Xss512k',
  '-Xshare:auto',
];
export const IDS = [1, 2, 3] as const;

/** Login of the SASL_SSL listener. */
export const USER = { username: 'alice', password: 'correct-horse' } as const;

/** One combined broker and controller of a test cluster. */
export interface KafkaNode {
  readonly id: number;
  readonly dir: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly controllerPort: number;
  /** More flags of its JVM, such as a port for JMX. */
  readonly jvm: readonly string[];
  /** More lines of its server.properties. */
  readonly settings: readonly string[];
  process: ChildProcess | undefined;
}

export async function tool(mainClass: string, args: readonly string[], stdin = ''): Promise<string> {
  const child = spawn('java', [...JVM, '-cp', join(LIBS, '*'), mainClass, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stdin.end(stdin);
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${mainClass} ended with ${String(code)}`);
  return out;
}

/** Formats one node in one JVM and copies its folder: three JVM starts less. */
export async function format(folder: string, nodes: readonly KafkaNode[]): Promise<void> {
  await tlsFiles(folder);
  const ids = nodes.map(() => uuid());
  const voters = nodes.map((node, at) => `${node.id}@127.0.0.1:${node.controllerPort}:${ids[at]}`).join(',');
  const boot = nodes.map((node) => `127.0.0.1:${node.controllerPort}`).join(',');
  for (const node of nodes) {
    await mkdir(node.dir, { recursive: true });
    await writeFile(join(node.dir, 'server.properties'), properties(folder, node, boot));
  }
  const [first] = nodes;
  if (first === undefined) return;
  const config = join(first.dir, 'server.properties');
  const scram = `SCRAM-SHA-512=[name=${USER.username},password=${USER.password}]`;
  const args = ['format', '-t', uuid(), '-c', config, '--initial-controllers', voters, '--add-scram', scram];
  await run('java', [...JVM, '-cp', join(LIBS, '*'), 'kafka.tools.StorageTool', ...args], {
    timeout: 60_000,
  });
  for (const [at, node] of nodes.entries()) {
    if (node !== first) await cp(join(first.dir, 'data'), join(node.dir, 'data'), { recursive: true });
    const file = join(node.dir, 'data', 'meta.properties');
    const meta = await readFile(file, 'utf8');
    await writeFile(
      file,
      meta
        .replace(/node\.id=.*/, `node.id=${node.id}`)
        .replace(/directory\.id=.*/, `directory.id=${ids[at]}`),
    );
  }
}

async function tlsFiles(folder: string): Promise<void> {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'ca.pem')];
  const subject = ['-subj', '/CN=uplift test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    cert,
    ...subject,
  ]);
  await writeFile(join(folder, 'ks.pem'), (await readFile(key, 'utf8')) + (await readFile(cert, 'utf8')));
}

export function launch(node: KafkaNode): void {
  const log = createWriteStream(join(node.dir, 'log'), { flags: 'a' });
  const args = [
    ...JVM,
    ...node.jvm,
    '-cp',
    join(LIBS, '*'),
    'kafka.Kafka',
    join(node.dir, 'server.properties'),
  ];
  const child = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: node.dir });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  node.process = child;
}

/** 16 random bytes as Kafka writes them; ids that begin with zeros are reserved, so the first byte is fixed. */
function uuid(): string {
  const bytes = randomBytes(16);
  bytes[0] = 0x61;
  return bytes.toString('base64url');
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    if (address !== null && typeof address === 'object') ports.push(address.port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function properties(folder: string, node: KafkaNode, boot: string): string {
  const listeners = `PLAINTEXT://127.0.0.1:${node.port},SASL_SSL://127.0.0.1:${node.tlsPort},CONTROLLER://127.0.0.1:${node.controllerPort}`;
  return `process.roles=broker,controller
node.id=${node.id}
broker.rack=az-${'abc'[node.id - 1]}
controller.quorum.bootstrap.servers=${boot}
controller.listener.names=CONTROLLER
listeners=${listeners}
advertised.listeners=${listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=${node.dir}/data
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
num.partitions=3
offsets.topic.replication.factor=3
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=3
num.replica.fetchers=1
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=2097152
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
socket.send.buffer.bytes=1048576
socket.receive.buffer.bytes=1048576
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
replica.lag.time.max.ms=3000
controller.quorum.election.timeout.ms=1000
controller.quorum.fetch.timeout.ms=2000
controlled.shutdown.enable=true
leader.imbalance.check.interval.seconds=300
auto.leader.rebalance.enable=false
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.ssl.keystore.type=PEM
listener.name.sasl_ssl.ssl.keystore.location=${folder}/ks.pem
listener.name.sasl_ssl.ssl.client.auth=none
${node.settings.join('\n')}
`;
}

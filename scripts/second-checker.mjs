#!/usr/bin/env node
// A second opinion on a drill. Reads the history (and the store probe) in a run's folder, reads the stores with kcat, psql and
// redis-cli, and prints every acknowledged id that is missing somewhere, one a line, sorted. It shares no code with uplift
// and needs no package: read it, then run it (docs/drills.md).
//
//   node second-checker.mjs <folder of the run> --kafka host:port[,…] --postgres <conninfo> …
//     the service: is every acknowledged operation in the commands log, decided in the events log, and on every server?
//   node second-checker.mjs <folder of the run> --probe --kafka … | --postgres <conninfo> … | --redis host:port …
//     the store: is every acknowledged write of the probe where it should be? (`drill run --keep-probe` leaves them there)
//
// Logins: KCAT_CONFIG, PGPASSWORD or ~/.pgpass, REDISCLI_AUTH. Name every Postgres server and every Redis node.
// Exit: 0 nothing is missing, 10 the ids on stdout are, 12 something could not be read and nothing is said.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const LONGEST_MS = 300_000;
const COMMANDS = 'reservations.commands';
const EVENTS = 'reservations.events';
const KAFKA_GROUP = /^(_uplift\.probe)\/(\d+)$/;

const lines = (path) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Runs a program, hands over what it prints line by line, and throws unless it ends well. */
function eachLine(program, args, take, input = '') {
  const child = spawn(program, args, { signal: AbortSignal.timeout(LONGEST_MS) });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = (said + chunk).slice(-500);
  });
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop();
    for (const line of parts) take(line);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (rest !== '') take(rest);
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${code}: ${said.trim()}`));
    });
  });
}

/** Every record of a topic from its first offset to its end, also uncommitted ones. */
function eachRecord(brokers, topic, take) {
  const position = ['-o', 'beginning', '-e', '-q', '-X', 'isolation.level=read_uncommitted'];
  return eachLine('kcat', ['-C', '-b', brokers, '-t', topic, ...position, '-f', '%p %s\\n'], (line) => {
    const [partition] = line.split(' ', 1);
    take(Number(partition), line.slice(partition.length + 1));
  });
}

async function eventIdsIn(brokers, topic) {
  const ids = new Set();
  await eachRecord(brokers, topic, (_partition, value) => ids.add(eventIdOf(value)));
  return ids;
}

/** Somebody else's record may be anything. */
function eventIdOf(value) {
  try {
    return JSON.parse(value)?.eventId;
  } catch {
    return undefined;
  }
}

async function rowsOf(conninfo, sql) {
  const rows = new Set();
  await eachLine('psql', [conninfo, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', sql], (line) => rows.add(line));
  return rows;
}

function named(value, flag) {
  if (value.length === 0) throw new Error(`--${flag} is missing`);
  return value;
}

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

/** Decided there, with the reservation where it was accepted; or put aside, which is no loss. */
const decidedSql = (tenant) => `
  SELECT o.event_id FROM uplift_operations o WHERE o.tenant = ${quoted(tenant)} AND (o.decision <> 'accepted'
    OR EXISTS (SELECT FROM uplift_reservations r WHERE r.reservation_id = o.reservation_id AND r.tenant = o.tenant))
  UNION SELECT event_id FROM uplift_dead_letters WHERE outcome = 'parked' AND event_id IS NOT NULL`;

async function service(folder, { kafka, postgres }) {
  named(kafka, 'kafka');
  named(postgres, 'postgres');
  const history = lines(join(folder, 'history.ndjson'));
  const { tenant } = history.find(({ t }) => t === 'header');
  const ok = new Set(history.filter(({ t }) => t === 'ok').map(({ op }) => op));
  const asked = history.filter(({ t, op }) => t === 'invoke' && ok.has(op));
  const places = [
    { place: COMMANDS, ids: await eventIdsIn(kafka, COMMANDS) },
    { place: EVENTS, ids: await eventIdsIn(kafka, EVENTS) },
  ];
  for (const [at, conninfo] of postgres.entries())
    places.push({ place: `Postgres ${at + 1}`, ids: await rowsOf(conninfo, decidedSql(tenant)) });
  return asked.map(({ event: id }) => ({ id, places }));
}

async function probe(folder, { kafka, postgres, redis }) {
  const acknowledged = lines(join(folder, 'probe.ndjson')).filter(({ outcome }) => outcome === 'ok');
  const [first] = acknowledged;
  if (first === undefined) return [];
  if (KAFKA_GROUP.test(first.group)) return kafkaProbe(acknowledged, named(kafka, 'kafka'));
  if (first.id.startsWith('uplift_probe:')) return redisProbe(acknowledged, named(redis, 'redis'));
  named(postgres, 'postgres');
  const { runId } = lines(join(folder, 'history.ndjson')).find(({ t }) => t === 'header');
  const sql = `SELECT id FROM uplift_probe WHERE run_id = ${quoted(runId)}`;
  const places = [];
  for (const [at, conninfo] of postgres.entries())
    places.push({ place: `Postgres ${at + 1}`, ids: await rowsOf(conninfo, sql) });
  return acknowledged.map(({ id }) => ({ id, places }));
}

async function kafkaProbe(acknowledged, kafka) {
  const logs = new Map();
  const placeOf = (partition) => {
    if (!logs.has(partition)) logs.set(partition, { place: `partition ${partition}`, ids: new Set() });
    return logs.get(partition);
  };
  const topic = KAFKA_GROUP.exec(acknowledged[0].group)[1];
  await eachRecord(kafka, topic, (partition, value) => placeOf(partition).ids.add(value));
  const partitionOf = (group) => Number(KAFKA_GROUP.exec(group)[2]);
  return acknowledged.map(({ id, group }) => ({ id, places: [placeOf(partitionOf(group))] }));
}

/** A key must be on every node of its shard: the others answer MOVED. */
async function redisProbe(acknowledged, redis) {
  const nodes = [];
  for (const address of redis) {
    const [host, port] = address.split(':');
    const input = ['READONLY', ...acknowledged.flatMap(({ id }) => [`ECHO id=${id}`, `EXISTS ${id}`])];
    const node = { place: address, ids: new Set(), elsewhere: new Set() };
    let [id, answers, trouble] = ['', 0, 'it did not answer'];
    // An error is followed by an empty line.
    const take = (line) => {
      if (line.startsWith('id=')) id = line.slice(3);
      else if (id !== '' && line !== '') {
        if (line === '1') node.ids.add(id);
        else if (line.startsWith('MOVED')) node.elsewhere.add(id);
        if (/^(0|1|MOVED .*)$/.test(line)) answers += 1;
        else trouble = line;
        id = '';
      }
    };
    await eachLine('redis-cli', ['-h', host, '-p', port], take, `${input.join('\n')}\n`);
    if (answers !== acknowledged.length) throw new Error(`Redis ${address}: ${trouble}`);
    nodes.push(node);
  }
  const nobody = { place: 'any node', ids: new Set() };
  return acknowledged.map(({ id }) => {
    const shard = nodes.filter(({ elsewhere }) => !elsewhere.has(id));
    return { id, places: shard.length === 0 ? [nobody] : shard };
  });
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      probe: { type: 'boolean', default: false },
      kafka: { type: 'string', default: '' },
      postgres: { type: 'string', multiple: true, default: [] },
      redis: { type: 'string', multiple: true, default: [] },
    },
  });
  const [folder] = positionals;
  if (folder === undefined) throw new Error('the folder of a run is missing');
  const acknowledged = await (values.probe ? probe : service)(folder, values);
  if (acknowledged.length === 0) throw new Error('nothing was acknowledged');
  const missing = new Set();
  for (const { id, places } of acknowledged) {
    const without = places.filter(({ ids }) => !ids.has(id)).map(({ place }) => place);
    if (without.length === 0) continue;
    if (!missing.has(id)) process.stderr.write(`${id} is not at ${without.join(', ')}\n`);
    missing.add(id);
  }
  const count = new Set(acknowledged.map(({ id }) => id)).size;
  process.stderr.write(`${count} acknowledged, ${missing.size} missing\n`);
  for (const id of [...missing].sort()) process.stdout.write(`${id}\n`);
  return missing.size === 0 ? 0 : 10;
}

process.exitCode = await main().catch((error) => {
  process.stderr.write(`Not known: ${error.message}\n`);
  return 12;
});

// What a team might have of its own: looks at, kills and starts a server of the sandbox, by its unit file. Shares no code
// with uplift. Usage: node exec-server.mjs <units folder> state|kill|start|reboot <broker id or name of a Postgres server>
import { spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const [units, verb, id] = process.argv.slice(2);
const json = (file) => JSON.parse(readFileSync(file, 'utf8'));
const unit = readdirSync(units)
  .filter((name) => name.endsWith('.json') && !name.endsWith('.state.json'))
  .map((name) => json(join(units, name)))
  .find(({ labels }) => labels.brokerId === id || labels.server === id);
if (unit === undefined) {
  process.stderr.write(`no server ${id}\n`);
  process.exit(4);
}
const stateFile = join(units, `${unit.id}.state.json`);

function fields(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function state() {
  const { pid, startTime } = json(stateFile);
  const now = fields(pid);
  if (now[19] !== startTime || now[0] === 'Z') return 'stopped';
  return now[0] === 'T' ? 'hung' : 'running';
}

function signal(name) {
  if (state() !== 'stopped') process.kill(json(stateFile).pid, name);
}

function start() {
  if (state() !== 'stopped') return;
  const log = openSync(unit.logFile, 'a');
  const [program, ...args] = unit.argv;
  const as = unit.uid === undefined ? {} : { uid: unit.uid, gid: unit.gid };
  const options = { cwd: unit.cwd, env: unit.env, detached: true, stdio: ['ignore', log, log], ...as };
  const { pid } = spawn(program, args, options);
  // As the sandbox does it, so that it can be taken down.
  writeFileSync(stateFile, JSON.stringify({ pid, startTime: fields(pid)[19], startedAtMs: Date.now() }));
}

const verbs = {
  state: () => process.stdout.write(`${state()}\n`),
  kill: () => signal('SIGKILL'),
  start,
  // As a provider does it: the order is taken, and what comes of it is seen later.
  reboot: () => {
    const later = [process.argv[1], units, 'rebooting', id];
    spawn(process.execPath, later, { detached: true, stdio: 'ignore' });
  },
  rebooting: async () => {
    await delay(500);
    signal('SIGQUIT');
    while (state() !== 'stopped') await delay(50);
    await delay(2000);
    start();
  },
};
await verbs[verb]();
process.exit(0);

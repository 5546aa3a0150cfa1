// What a team might have of its own: kills, starts and looks at a broker of the sandbox, by its unit file. Shares no code
// with uplift. Usage: node exec-broker.mjs <units folder> state|kill|start <broker id>
import { spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [units, verb, id] = process.argv.slice(2);
const json = (file) => JSON.parse(readFileSync(file, 'utf8'));
const file = readdirSync(units).find(
  (name) =>
    name.endsWith('.json') && !name.endsWith('.state.json') && json(join(units, name)).labels.brokerId === id,
);
if (file === undefined) {
  process.stderr.write(`no broker ${id}\n`);
  process.exit(4);
}
const unit = json(join(units, file));
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

if (verb === 'state') process.stdout.write(state());
else if (verb === 'kill' && state() !== 'stopped') process.kill(json(stateFile).pid, 'SIGKILL');
else if (verb === 'start' && state() === 'stopped') {
  const log = openSync(unit.logFile, 'a');
  const [program, ...args] = unit.argv;
  const { pid } = spawn(program, args, {
    ...{ cwd: unit.cwd, env: unit.env, detached: true, stdio: ['ignore', log, log] },
  });
  // As the sandbox does it, so that it can be taken down.
  writeFileSync(stateFile, JSON.stringify({ pid, startTime: fields(pid)[19], startedAtMs: Date.now() }));
  process.exit(0);
}

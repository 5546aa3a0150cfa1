import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { actuatorSchema, type ExecActuatorConfig } from '../../../config/actuator.ts';
import { waitFor } from '../../../core/wait.ts';
import { type ExecActuators, type ExecRegion, execActuators } from '../exec.ts';

/** A platform whose servers are acted on by a script: each is a `sleep` with its pid in a file of a folder of its own. */
const SCRIPT = `#!/bin/sh
dir=$(dirname "$0")/$2
[ -d "$dir" ] || { echo "no such server: $2" >&2; exit 4; }
pid=$(cat "$dir/pid" 2>/dev/null || echo 0)
state() {
  case $(ps -o stat= -p "$pid" 2>/dev/null) in
    ''|Z*) echo stopped ;; T*) echo hung ;; *) echo running ;;
  esac
}
echo "$1" >> "$dir/calls"
case $1 in
  state) state ;;
  kill) kill -KILL "$pid" ;;
  hang) kill -STOP "$pid" ;;
  start)
    [ "$(state)" = running ] && { echo "it runs already" >&2; exit 5; }
    setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $! > "$dir/pid" ;;
  wake) kill -CONT "$pid" ;;
esac
`;

const command = (verb: string) => ({ argv: ['./servers.sh', verb, '{id}'] });

/** What a person would write for that platform. */
export const SCRIPTED = {
  state: command('state'),
  kill: { ...command('kill'), undo: command('start') },
  hang: { ...command('hang'), undo: command('wake') },
  seenWithin: '200ms',
};

export type Written = z.input<typeof actuatorSchema>;
type WrittenTarget = NonNullable<Extract<Written, { kind: 'exec' }>['brokers']>;

export function execConfig(brokers: WrittenTarget | undefined, more: object = {}): ExecActuatorConfig {
  const parsed = actuatorSchema.parse({
    kind: 'exec',
    ...(brokers === undefined ? {} : { brokers }),
    ...more,
  });
  if (parsed.kind !== 'exec') throw new TypeError('not exec');
  return parsed;
}

export interface ExecWorld {
  readonly dir: string;
  readonly actuators: (config: ExecActuatorConfig, change?: Partial<ExecRegion>) => ExecActuators;
  /** Starts the server of an id and returns its pid. */
  readonly up: (id: string) => Promise<number>;
  readonly pid: (id: string) => Promise<number>;
  /** The verbs that the script was called with for a server, but `state`. */
  readonly calls: (id: string) => Promise<string[]>;
  readonly askedFolder: string;
  readonly bystander: () => Promise<number>;
  /** Ends every process that was begun here. */
  readonly close: () => Promise<void>;
}

export async function execWorld(dir: string): Promise<ExecWorld> {
  await writeFile(join(dir, 'servers.sh'), SCRIPT, { mode: 0o755 });
  const askedFolder = join(dir, 'exec');
  const pids = new Set<number>();
  const sleeper = async (): Promise<number> => {
    const { pid } = spawn('sleep', ['600'], { stdio: 'ignore' });
    if (pid === undefined) throw new Error('sleep was not started');
    pids.add(pid);
    return pid;
  };
  const read = async (id: string): Promise<number> => {
    const pid = Number(await readFile(join(dir, id, 'pid'), 'utf8'));
    pids.add(pid);
    return pid;
  };
  return {
    dir,
    askedFolder,
    bystander: sleeper,
    pid: read,
    actuators: (config, change = {}) =>
      execActuators({
        ...{ name: 'here', config, cwd: dir, askedFolder, pace: { lookEveryMs: 20, patienceMs: 300 } },
        env: { PATH: process.env.PATH },
        redisNodes: ['127.0.0.1:7001'],
        services: [{ id: 'projector-1', url: 'http://127.0.0.1:8081/' }],
        ...change,
      }),
    async up(id) {
      await mkdir(join(dir, id), { recursive: true });
      const pid = await sleeper();
      await writeFile(join(dir, id, 'pid'), String(pid));
      return pid;
    },
    async calls(id) {
      const text = await readFile(join(dir, id, 'calls'), 'utf8').catch(() => '');
      return text.split('\n').filter((verb) => verb !== '' && verb !== 'state');
    },
    async close() {
      for (const pid of pids) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It is gone already.
        }
      }
    },
  };
}

/** The file that says which command was begun last, once there is one. */
export const askedOf = ({ askedFolder }: ExecWorld, key: string): Promise<Record<string, unknown>> =>
  waitFor(
    async () =>
      z
        .record(z.string(), z.unknown())
        .parse(JSON.parse(await readFile(join(askedFolder, `${key}.json`), 'utf8'))),
    { what: `${key}.json`, timeoutMs: 5000, intervalMs: 10 },
  );

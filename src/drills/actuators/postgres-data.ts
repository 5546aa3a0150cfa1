import { execFile } from 'node:child_process';
import { chown, mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inQuotes, REPLICATION_USER, SUPERUSER, slotOf } from '../../clients/postgres/standby.ts';
import { clearOldLock } from '../../clients/process/postgres-lock.ts';
import { statusOf } from '../../clients/process/status.ts';
import type { PlacedUnit } from '../../clients/process/unit-files.ts';
import type { LastLife, Rejoined } from './postgres.ts';
import { runTool, type ToolEnd, toolOf } from './tool.ts';

const exec = promisify(execFile);
const CONTROL_DATA_MS = 5000;

/** What pg_controldata says of a stopped server. */
export async function readLastLife(unit: PlacedUnit): Promise<LastLife> {
  const { uid, gid } = unit;
  const { stdout } = await exec(
    await toolPath(unit, 'pg_controldata'),
    ['--pgdata', label(unit, 'dataDir')],
    {
      env: { LC_ALL: 'C' },
      cwd: '/',
      timeout: CONTROL_DATA_MS,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    },
  );
  return parseControlData(stdout);
}

/** Pure: three lines of pg_controldata's output under LC_ALL=C (PostgreSQL 11 to 18). */
export function parseControlData(text: string): LastLife {
  const field = (name: string): string => {
    const found = new RegExp(`^${name}:\\s+(.+?)\\s*$`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`pg_controldata does not say "${name}"`);
    return found;
  };
  return {
    state: field('Database cluster state'),
    timeline: Number(field("Latest checkpoint's TimeLineID")),
    checkpoint: field('Latest checkpoint location'),
  };
}

/** pg_rewind; undefined: it cannot be rewound. */
export async function rewind(
  unit: PlacedUnit,
  source: PlacedUnit,
  wait: { timeoutMs: number; signal: AbortSignal },
): Promise<Rejoined | undefined> {
  const status = await statusOf(unit);
  if (status.state === 'exited') await clearOldLock(unit, status.process);
  // pg_rewind lets a crashed server recover on its own first, which a marked standby refuses.
  await rm(standbySignal(unit), { force: true });
  const end = await runTool(
    toolOf(unit),
    [
      await toolPath(unit, 'pg_rewind'),
      `--target-pgdata=${label(unit, 'dataDir')}`,
      `--source-server=${conninfo(unit, source, SUPERUSER)} dbname=postgres`,
      `--config-file=${join(label(unit, 'confDir'), 'postgresql.conf')}`,
    ],
    wait,
  );
  if (end.exit !== 0) return undefined;
  await markStandby(unit);
  return rejoinedBy(end);
}

/** A new base backup in place of the data. */
export async function copyAnew(
  unit: PlacedUnit,
  source: PlacedUnit,
  wait: { timeoutMs: number; signal: AbortSignal },
): Promise<Rejoined> {
  const dataDir = label(unit, 'dataDir');
  const draft = `${dataDir}.copy`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await handOver(unit, draft);
  const end = await runTool(
    toolOf(unit),
    [
      await toolPath(unit, 'pg_basebackup'),
      `--pgdata=${draft}`,
      `--dbname=${conninfo(unit, source, REPLICATION_USER)}`,
      `--slot=${slotOf(label(unit, 'server'))}`,
      '--wal-method=stream',
      '--checkpoint=fast',
      '--no-password',
    ],
    wait,
  );
  if (end.exit !== 0) throw new Error(`pg_basebackup of ${unit.id} failed: ${end.text.trim()}`);
  // The old data is given up only for a whole copy.
  await rm(dataDir, { recursive: true, force: true });
  await rename(draft, dataDir);
  await markStandby(unit);
  return { how: 'copied', divergedAt: null };
}

/** What the output of a tool that ended well says. */
export function rejoinedBy({ text }: ToolEnd): Rejoined {
  const divergedAt = /diverged at WAL location ([0-9A-F]+\/[0-9A-F]+)/i.exec(text)?.[1] ?? null;
  return { how: text.includes('pg_rewind') ? 'rewound' : 'copied', divergedAt };
}

export const portOf = (unit: PlacedUnit): number => Number(label(unit, 'port'));
export const standbySignal = (unit: PlacedUnit): string => join(label(unit, 'dataDir'), 'standby.signal');

/** A tool of the same installation; links followed, because Debian keeps most of them out of PATH. */
async function toolPath({ argv }: PlacedUnit, tool: string): Promise<string> {
  return join(dirname(await realpath(argv[0] ?? '')), tool);
}

export function label(unit: PlacedUnit, name: string): string {
  const value = unit.labels[name];
  if (value === undefined) throw new Error(`the unit ${unit.id} does not say its ${name}`);
  return value;
}

/** A server with this file starts as a standby, whoever starts it. */
export async function markStandby(unit: PlacedUnit): Promise<void> {
  await writeFile(standbySignal(unit), '');
  await handOver(unit, standbySignal(unit));
}

async function handOver({ uid, gid }: PlacedUnit, path: string): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
}

/** How the tools of one server log in at another. */
function conninfo(unit: PlacedUnit, source: PlacedUnit, user: string): string {
  const passFile = inQuotes(join(label(unit, 'confDir'), 'pgpass'));
  return `host=127.0.0.1 port=${portOf(source)} user=${user} passfile='${passFile}' connect_timeout=5`;
}

import type { Block } from '../../core/blocks.ts';
import { EXIT } from '../../core/exit.ts';
import { formatMs } from '../../core/units.ts';
import type { Action } from '../../deps.ts';
import { type SandboxStatus, sandboxStatus, type UnitRow } from '../../sandbox/status.ts';
import type { NameInput } from './index.ts';
import { nameFlag, stateDirOf } from './input.ts';

/** `uplift sandbox status`: 0 when every process runs, 10 when one does not, 69 when there is no such sandbox. */
export const statusCommand: Action<NameInput> = async (deps, { name }) => {
  const status = await sandboxStatus(stateDirOf(deps), name, deps.clock.nowMs());
  const down = status.units.filter((unit) => unit.state !== 'running');
  const well = down.length === 0 && status.phase === 'ready';
  return {
    exit: well ? EXIT.ok : EXIT.fail,
    kind: 'sandbox.status',
    data: status,
    blocks: blocksOf(status, down),
  };
};

function blocksOf(status: SandboxStatus, down: readonly UnitRow[]): Block[] {
  const worstFirst = [...down, ...status.units.filter((unit) => unit.state === 'running')];
  const [first] = down;
  const counts =
    down.length === 0
      ? `all ${status.units.length} processes run`
      : `${down.length} of ${status.units.length} processes do not run`;
  const phase = status.phase === 'preparing' ? '; its start is under way, or was cut off' : '';
  const blocks: Block[] = [
    {
      kind: 'table',
      columns: [
        { title: 'UNIT' },
        { title: 'ROLE' },
        { title: 'STATE' },
        { title: 'PID', align: 'right' },
        { title: 'PORT', align: 'right' },
        { title: 'RACK' },
        { title: 'UP', align: 'right' },
      ],
      rows: worstFirst.map(row),
    },
    {
      kind: 'verdict',
      mark: down.length === 0 && phase === '' ? 'ok' : 'bad',
      text: `Sandbox ${status.name}: ${counts}${phase}.`,
    },
  ];
  if (phase !== '')
    blocks.push({
      kind: 'next',
      command: `uplift sandbox down${nameFlag(status.name)}    (when no start is under way)`,
    });
  else if (first !== undefined) blocks.push({ kind: 'next', command: nextFor(first, status.name) });
  return blocks;
}

function row(unit: UnitRow): string[] {
  const state = unit.state === 'neverStarted' ? 'never started' : unit.state;
  const up = unit.uptimeMs === null ? '-' : formatMs(unit.uptimeMs);
  return [
    unit.id,
    unit.role,
    state,
    unit.pid === null ? '-' : String(unit.pid),
    String(unit.port),
    unit.rack,
    up,
  ];
}

function nextFor(unit: UnitRow, name: string): string {
  return `uplift sandbox ${unit.state === 'paused' ? 'resume' : 'start'} ${unit.id}${nameFlag(name)}`;
}

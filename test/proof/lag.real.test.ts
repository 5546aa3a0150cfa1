import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GROUPS, PROJECTION } from '../../src/contract/groups.ts';
import { waitFor } from '../../src/core/wait.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import { documentOf, type Envelope } from '../support/sandbox-cli.ts';

let sandbox: ProofSandbox;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
});
afterAll(() => sandbox?.down());

interface Row {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly behindMs: number | null;
  readonly behindIs: string;
  readonly records: number | null;
  readonly partitionCount: number;
}
interface LagDocument {
  readonly verdict: string;
  readonly regions: readonly { readonly seen: boolean; readonly requests: number }[];
  readonly rows: readonly Row[];
}

const NAMES = [GROUPS.commands, PROJECTION, GROUPS.projector];

/** Looks, whatever the exit code is: 0 or 12 depend on the moment. */
async function look(args: readonly string[] = []): Promise<LagDocument & Envelope> {
  return documentOf<LagDocument>(await sandbox.run(['lag', '--once', '--output', 'json', ...args]));
}

async function lookUntil(what: string, wanted: (rows: readonly Row[]) => boolean): Promise<LagDocument> {
  return waitFor(
    async () => {
      const seen = await look();
      if (wanted(seen.rows)) return seen;
      throw new Error(JSON.stringify(seen.rows.map(({ name, state, behindMs }) => [name, state, behindMs])));
    },
    { what, timeoutMs: 60_000 },
  );
}

/** Quiet partitions of commands get a tick a second, and positions are committed as often: always a moment behind. */
const MOMENT_MS = 5000;
const isNearby = (rows: readonly Row[]): boolean => {
  const row = rowOf(rows, GROUPS.commands);
  return row?.state === 'idle' || (row?.state === 'ok' && (row.behindMs ?? MOMENT_MS) < MOMENT_MS);
};

const rowOf = (rows: readonly Row[], name: string): Row | undefined => rows.find((row) => row.name === name);

describe('uplift lag --once on a whole platform', () => {
  test('shows the projection and its group idle and 0 s behind, and the group of commands no more than a moment', async () => {
    const seen = await lookUntil(
      'everything quiet',
      (rows) =>
        [PROJECTION, GROUPS.projector].every((name) => rowOf(rows, name)?.state === 'idle') && isNearby(rows),
    );
    expect(seen.rows.map(({ name }) => name).toSorted()).toEqual(NAMES.toSorted());
    for (const row of seen.rows) expect(row).toMatchObject({ behindIs: 'exact', partitionCount: 24 });
    for (const name of [PROJECTION, GROUPS.projector])
      expect(rowOf(seen.rows, name)).toMatchObject({ records: 0, behindMs: 0 });
    expectExit(await sandbox.run(['lag', '--once', '--max', '30s']), 0);
  });

  test('finds a projector that hangs while events arrive, holds it to a limit, and sees it catch up', async () => {
    const [projector] = (await sandbox.units('service')).filter(({ labels }) => labels.role === 'projector');
    const unit = projector?.id ?? '';
    await sandbox.json(['sandbox', 'pause', unit, '--name', sandbox.name], 0);
    try {
      await sandbox.json(['load', 'run', '--duration', '3s', '--rate', '100'], 0);
      const seen = await lookUntil(
        'projection and its group stalled',
        (rows) =>
          rowOf(rows, PROJECTION)?.state === 'stalled' && rowOf(rows, GROUPS.projector)?.state === 'stalled',
      );
      const projection = rowOf(seen.rows, PROJECTION);
      // Every acknowledged command has one event; those of the first moment may have been applied.
      expect(projection?.records).toBeGreaterThan(200);
      expect(projection?.behindMs).toBeGreaterThan(5000);
      expect(isNearby(seen.rows)).toBe(true);
      expect(seen.rows[0]?.state).toBe('stalled');
      const text = await sandbox.run(['lag', '--once', '--max', '5s']);
      expectExit(text, 10);
      expect(text.stdout).toContain('oldest unread record');
      const only = await look(['--group', GROUPS.commands, '--max', '5s']);
      expect(only).toMatchObject({ exit: 0, verdict: 'pass', rows: [{ name: GROUPS.commands }] });
    } finally {
      await sandbox.json(['sandbox', 'resume', unit, '--name', sandbox.name], 0);
    }
    const behind = [PROJECTION, GROUPS.projector];
    await lookUntil('caught up', (rows) => behind.every((name) => rowOf(rows, name)?.records === 0));
  });

  test('answers with a broker and with Postgres dead, and calls neither a pass', async () => {
    const [broker] = await sandbox.units('kafka');
    await sandbox.json(['sandbox', 'kill', broker?.id ?? '', '--name', sandbox.name], 0);
    const degraded = await look();
    expect(degraded.regions[0]?.seen).toBe(true);
    expect(rowOf(degraded.rows, PROJECTION)).toBeDefined();
    await lookUntil('told by the brokers that are left', (rows) =>
      NAMES.every((name) => rowOf(rows, name)?.behindIs === 'exact'),
    );
    const writer = (await sandbox.units('postgres')).find(({ id }) => id.endsWith('az-a'));
    await sandbox.json(['sandbox', 'kill', writer?.id ?? '', '--name', sandbox.name], 0);
    const seen = await look();
    expect(seen).toMatchObject({ exit: 12, verdict: 'inconclusive' });
    expect(rowOf(seen.rows, PROJECTION)).toMatchObject({ state: 'noAnswer', behindMs: null, records: null });
    expect(rowOf(seen.rows, GROUPS.commands)).toMatchObject({ behindIs: 'exact' });
  });
});

import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HistoryEntry, HistoryHeader, InvokeEntry } from './entries.ts';
import { type HistoryFile, openHistory } from './history.ts';
import { loadHistory, readHistory } from './history-reader.ts';

let folder = '';
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'load-history-'));
});
afterAll(() => rm(folder, { recursive: true }));
const newPath = (): string => join(folder, `h${files++}.ndjson`);

const HEADER: HistoryHeader = {
  t: 'header',
  v: 1,
  runId: 'run',
  tenant: 'load-1',
  wallMs: 1_700_000_000_000,
  monoNs: '123',
  ratePerS: 100,
  partitions: 24,
  seed: 1,
  gateways: [{ id: 'gateway-1', url: 'http://127.0.0.1:1' }],
};

const invoke = (op: number, event = `e${op}`): HistoryEntry => ({
  t: 'invoke',
  op,
  key: `load-1-${op}`,
  event,
  verb: 'create',
  reservation: null,
  resource: 'r',
  partition: 3,
  slot: [0, 1],
  quantity: 1,
  attempt: 1,
  gateway: 'gateway-1',
  dueUs: op * 10,
  sentUs: op * 10 + 1,
});
const ok = (op: number): HistoryEntry => ({
  t: 'ok',
  op,
  atUs: op * 10 + 5,
  status: 202,
  token: 't',
  reason: null,
});

/** A disk in memory: what is synced stays, what is only written would be lost with the power. */
function fakeDisk(options: { failWriteAfter?: number; syncGate?: () => Promise<void> } = {}) {
  const disk = { written: '', synced: '', closed: false };
  let writes = 0;
  const file: HistoryFile = {
    async write(bytes) {
      writes += 1;
      if (writes > (options.failWriteAfter ?? Number.POSITIVE_INFINITY))
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      disk.written += bytes.toString('utf8');
    },
    async sync() {
      await options.syncGate?.();
      disk.synced = disk.written;
    },
    async close() {
      disk.closed = true;
    },
  };
  return { disk, openFile: async () => file };
}

test('what was appended is read back, joined, counted and under its digest', async () => {
  const path = newPath();
  const writer = await openHistory({ path, header: HEADER });
  writer.append(invoke(0));
  writer.append(ok(0));
  writer.append(invoke(1));
  writer.append({ t: 'info', op: 1, atUs: 99, status: null, token: null, reason: 'timeout' });
  writer.append(invoke(2));
  const end = await writer.close(1_000);
  expect(end.counts).toEqual({ invoke: 3, ok: 1, fail: 0, info: 1, read: 0 });
  const { ops, report } = await loadHistory(path);
  expect(ops.map((op) => op.outcome)).toEqual(['ok', 'info', 'open']);
  expect(ops[0]).toMatchObject({ eventId: 'e0', doneUs: 5, token: 't', sentUs: 1 });
  expect(report).toMatchObject({ digest: 'equal', tornBytes: 0, sha256: end.sha256, header: HEADER });
});

test('an operation counts only after the fsync that covers it', async () => {
  const sync = Promise.withResolvers<void>();
  let gated = false;
  const { disk, openFile } = fakeDisk({ syncGate: () => (gated ? sync.promise : Promise.resolve()) });
  const writer = await openHistory({ path: 'x', header: HEADER, openFile, flushEveryMs: 5 });
  gated = true;
  let counted = false;
  writer.append(ok(0), () => {
    counted = true;
    expect(disk.synced).toContain('"t":"ok"');
  });
  while (!disk.written.includes('"t":"ok"')) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(counted).toBe(false);
  expect(writer.pending()).toBe(true);
  sync.resolve();
  await writer.flush();
  expect(counted).toBe(true);
  await writer.close(1);
});

test('entries wait for the disk together: many of them cost few syncs', async () => {
  let syncs = 0;
  const { openFile } = fakeDisk({
    syncGate: async () => {
      syncs += 1;
    },
  });
  const writer = await openHistory({ path: 'x', header: HEADER, openFile, flushEveryMs: 20 });
  let counted = 0;
  for (let op = 0; op < 1_000; op += 1) writer.append(ok(op), () => (counted += 1));
  await writer.flush();
  expect(counted).toBe(1_000);
  expect(syncs).toBeLessThanOrEqual(3);
  await writer.close(1);
});

test('a disk that fails stops everything: nothing of the failed batch is counted, UPL-CANNOT-WRITE', async () => {
  const { disk, openFile } = fakeDisk({ failWriteAfter: 1 });
  const failures: string[] = [];
  const writer = await openHistory({
    path: 'x',
    header: HEADER,
    openFile,
    onFailed: (error) => failures.push(error.code),
  });
  let counted = 0;
  writer.append(ok(0), () => (counted += 1));
  await expect(writer.flush()).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
  writer.append(ok(1), () => (counted += 1));
  await expect(writer.close(1)).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE', exit: 74 });
  expect(counted).toBe(0);
  expect(failures).toEqual(['UPL-CANNOT-WRITE']);
  expect(disk.closed).toBe(true);
});

test('a disk that stalls is a failure, not an endless buffer', async () => {
  let gated = false;
  const { openFile } = fakeDisk({
    syncGate: () => (gated ? new Promise((resolve) => setTimeout(resolve, 100)) : Promise.resolve()),
  });
  const failures: string[] = [];
  const writer = await openHistory({
    path: 'x',
    header: HEADER,
    openFile,
    maxBufferedBytes: 2_000,
    onFailed: (error) => failures.push(error.message),
  });
  gated = true;
  for (let op = 0; op < 100; op += 1) writer.append(ok(op));
  expect(failures).toHaveLength(1);
  expect(failures[0]).toContain('behind');
  await expect(writer.close(1)).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
});

test('an existing history is never written over', async () => {
  const path = newPath();
  await writeFile(path, 'evidence');
  await expect(openHistory({ path, header: HEADER })).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
  expect(await readFile(path, 'utf8')).toBe('evidence');
});

async function sample(): Promise<{ path: string; bytes: Buffer; lines: string[] }> {
  const path = newPath();
  const writer = await openHistory({ path, header: HEADER });
  for (let op = 0; op < 4; op += 1) {
    writer.append(invoke(op));
    writer.append(ok(op));
  }
  await writer.close(100);
  const bytes = await readFile(path);
  return { path, bytes, lines: bytes.toString('utf8').trimEnd().split('\n') };
}

test('cut anywhere, a history reads as its whole lines; the torn rest is reported and never taken for complete', async () => {
  const { bytes, lines } = await sample();
  const headerBytes = Buffer.byteLength(`${lines[0]}\n`);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), async (cut) => {
      const path = newPath();
      await writeFile(path, bytes);
      await truncate(path, cut);
      const entries: HistoryEntry[] = [];
      const read = readHistory(path, (entry) => entries.push(entry));
      if (cut < headerBytes) {
        await expect(read).rejects.toMatchObject({ code: 'UPL-INPUT-INVALID' });
        return;
      }
      const report = await read;
      const whole = bytes.subarray(0, cut).lastIndexOf(10) + 1;
      expect(report.tornBytes).toBe(cut - whole);
      expect(report.end).toBeNull();
      expect(report.digest).toBe('absent');
      expect(entries).toHaveLength(bytes.subarray(0, whole).toString('utf8').split('\n').length - 2);
    }),
    { numRuns: 60 },
  );
});

test('a byte flipped anywhere before the end line is an error or another digest', async () => {
  const { bytes, lines } = await sample();
  const endAt = bytes.length - Buffer.byteLength(`${lines.at(-1)}\n`);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: endAt - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, mask) => {
        const path = newPath();
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ mask;
        await writeFile(path, damaged);
        const digest = await readHistory(path, () => undefined).then(
          (report) => report.digest,
          (error: { code?: string }) => error.code,
        );
        expect(digest).not.toBe('equal');
      },
    ),
    { numRuns: 100 },
  );
});

test('a last line of zeros, as power loss leaves it, is torn; the same in the middle is damage', async () => {
  const { bytes, lines } = await sample();
  const path = newPath();
  const endAt = bytes.length - Buffer.byteLength(`${lines.at(-1)}\n`);
  await writeFile(path, Buffer.concat([bytes.subarray(0, endAt), Buffer.alloc(20), Buffer.from('\n')]));
  expect(await readHistory(path, () => undefined)).toMatchObject({ tornBytes: 21, digest: 'absent' });
  await appendFile(path, `${JSON.stringify(ok(9))}\n`);
  await expect(readHistory(path, () => undefined)).rejects.toThrow(/line 10: not JSON/);
});

test('a history from before operations had verbs is read as one of creates', async () => {
  const path = newPath();
  const { verb: _, reservation: __, ...old } = invoke(0) as InvokeEntry;
  await writeFile(path, [HEADER, old, ok(0)].map((line) => `${JSON.stringify(line)}\n`).join(''));
  const { ops } = await loadHistory(path);
  expect(ops).toMatchObject([{ verb: 'create', reservation: null, outcome: 'ok' }]);
});

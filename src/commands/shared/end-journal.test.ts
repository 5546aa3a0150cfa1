import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Journal } from '../../record/journal.ts';
import { openJournal, readRecord } from '../../record/open.ts';
import { endJournal } from './end-journal.ts';

let folder = '';
let journal: Journal;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uplift-end-'));
  const path = join(folder, 'journal.ndjson');
  journal = await openJournal(path, { runId: 'run', actor: 'test', clock: systemClock });
  await journal.append('topics.plan', null);
});
afterEach(async () => {
  await journal.close();
  await rm(folder, { recursive: true, force: true });
});

const going = new AbortController().signal;
const refused = new UpliftError('UPL-PREFLIGHT-REFUSED', { message: 'no' });

describe('the journal of a run that did not come to its own end', () => {
  test.each([
    ['interrupted', new Error('stop'), AbortSignal.abort('SIGINT')],
    ['aborted', refused, going],
    ['aborted', new UpliftError('UPL-LOCK-TAKEN', { message: 'Ada' }), going],
    ['aborted', new UpliftError('UPL-KAFKA-UNREACHABLE', { message: 'away', exit: EXIT.refused }), going],
    ['errored', new UpliftError('UPL-KAFKA-UNREACHABLE', { message: 'away' }), going],
    ['errored', new Error('no broker'), going],
  ] as const)('is sealed and says %s', async (execution, error, signal) => {
    await endJournal(journal, 'topics.ended', error, signal);
    const { status, entries } = await readRecord(journal.path);
    expect(status).toBe('sealed');
    expect(entries.at(-1)).toMatchObject({ kind: 'topics.ended', body: { execution } });
  });

  test('stays open when something was not restored', async () => {
    const error = new UpliftError('UPL-NOT-RESTORED', { message: 'broker 2 is down' });
    await endJournal(journal, 'drill.ended', error, going);
    expect((await readRecord(journal.path)).status).toBe('unsealed');
  });
});

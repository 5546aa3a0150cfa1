import { generateKeyPairSync } from 'node:crypto';
import { appendFile, chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { exitOfVerdict, verdictOf } from '../../core/finding.ts';
import type { Json } from '../../core/step.ts';
import { digestOfFile } from '../../record/digest.ts';
import type { Entry } from '../../record/envelope.ts';
import { type PublicKey, type SigningKey, signingKeyOf } from '../../record/keys.ts';
import { openJournal, readRecord } from '../../record/open.ts';
import { intentBody, STEP } from '../../steps/journal-kinds.ts';
import { standing } from '../report/report.ts';
import { trendOf } from '../report/trend.ts';
import type { RunFolder } from '../run-folder.ts';
import { ENDED_KIND, EVIDENCE_KIND } from './context.ts';
import { examineRecord, recordState } from './exam.ts';
import { outcomeOf } from './outcome.ts';
import { presentExam } from './present.ts';
import { lookAtHistory, lookAtProbe, readRows } from './read.ts';
import { cellsOf, presentRows, rowOf } from './row.ts';
import { RECORD_TYPE } from './seal.ts';
import { checkDrill } from './signed.ts';
import { sampleRun } from './testing/record-fixture.ts';

const RUN = '01a21558-599f-77f4-bbf0-a44a24836f27';
const newKey = (from: string): SigningKey =>
  signingKeyOf(
    String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })),
    from,
  );
const key = newKey('own');

let stateDir = '';
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'drill-record-'));
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

/** Status of each question, and the exit code that `drill verify` would end with. */
async function examined(folder: RunFolder, trusted: readonly PublicKey[] = [key]) {
  const view = await readRecord(folder.journal);
  const signature = checkDrill(view, trusted);
  const history = await lookAtHistory(folder, view.entries);
  const probe = await lookAtProbe(folder, view.entries);
  const findings = examineRecord({ view, signature, history, probe, run: RUN, runId: RUN });
  const is = Object.fromEntries(findings.map(({ id, status }) => [id.replace('record.', ''), status]));
  return { is, exit: exitOfVerdict(verdictOf(findings)), findings, history, probe, view, signature };
}

describe('the record of a drill', () => {
  test('is whole, signed, and names its history: exit 0', async () => {
    const folder = await sampleRun(stateDir, RUN, key, { approver: 'Grace' });
    const seen = await examined(folder);
    expect(seen).toMatchObject({ is: { whole: 'pass', signature: 'pass', history: 'pass' }, exit: 0 });
    expect(seen.signature.state === 'signed' && seen.signature.statement).toMatchObject({
      predicateType: 'urn:uplift:drill-record:v1',
      subject: [{ name: 'journal.ndjson' }, { name: 'history.ndjson' }],
      predicate: {
        drill: 'kafka-broker-loss',
        execution: 'completed',
        hypothesis: 'held',
        restored: 'restored',
        who: { user: 'ada', host: 'ops-1' },
        approver: 'Grace',
        target: 'Kafka cluster abc',
        configSha256: 'c'.repeat(64),
        acknowledged: 8412,
        lost: 0,
      },
    });
    const said = JSON.stringify(presentExam({ ...seen, run: RUN, runId: RUN }, seen.findings));
    for (const word of ['ada on ops-1', 'Grace', 'az_a 15.14', '127.0.0.1:7000 not seen', 'integrity'])
      expect(said).toContain(word);
  });

  test('whose history was changed, cut, made longer or replaced is found: exit 10', async () => {
    const folder = await sampleRun(stateDir, RUN, key);
    const whole = await readFile(folder.history);
    const changes: Buffer[] = [
      Buffer.concat([whole, Buffer.from('\n')]),
      whole.subarray(0, whole.length - 1),
      Buffer.from(whole.toString().replace('"op":17,', '"op":18,')),
      Buffer.alloc(0),
    ];
    for (const bytes of changes) {
      await writeFile(folder.history, bytes);
      expect(await examined(folder)).toMatchObject({ is: { whole: 'pass', history: 'fail' }, exit: 10 });
    }
    await rm(folder.history);
    expect(await examined(folder)).toMatchObject({ is: { history: 'inconclusive' }, exit: 12 });
  });

  test('with any one bit of its history changed is found', async () => {
    const folder = await sampleRun(stateDir, RUN, key);
    const whole = await readFile(folder.history);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 7 }), async (at, bit) => {
        const altered = Buffer.from(whole);
        altered[at] = (altered[at] ?? 0) ^ (1 << bit);
        await writeFile(folder.history, altered);
        expect((await examined(folder)).exit).toBe(10);
      }),
      { numRuns: 40 },
    );
  });

  test('of which anything was altered or cut ends with 10 or 12, never with 0', async () => {
    const folder = await sampleRun(stateDir, RUN, key);
    const whole = await readFile(folder.journal);
    await chmod(folder.journal, 0o644);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: whole.length - 1 }),
        fc.constantFrom('flip', 'cut', 'drop', 'insert'),
        async (at, how) => {
          const flipped = Buffer.from(whole);
          flipped[at] = (flipped[at] ?? 0) ^ 1;
          const bytes = {
            flip: flipped,
            cut: whole.subarray(0, at),
            drop: Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]),
            insert: Buffer.concat([whole.subarray(0, at), Buffer.from('x'), whole.subarray(at)]),
          }[how];
          await writeFile(folder.journal, bytes);
          const { exit, view } = await examined(folder);
          expect(view.status === 'unsealed' ? [10, 12] : [10]).toContain(exit);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('without a signature is said to be sealed only: exit 12', async () => {
    const folder = await sampleRun(stateDir, RUN, { unsigned: 'the secret UPLIFT_KEY is not set' });
    const seen = await examined(folder);
    expect(seen).toMatchObject({
      is: { whole: 'pass', signature: 'inconclusive', history: 'pass' },
      exit: 12,
    });
    expect(JSON.stringify(presentExam({ ...seen, run: RUN, runId: RUN }, seen.findings))).toContain(
      'SEALED, NOT SIGNED',
    );
    expect(JSON.stringify(seen.view.entries)).toContain('UPLIFT_KEY is not set');
  });

  test('signed by a key that nobody here knows is not told: exit 12; that is said with what to type', async () => {
    const folder = await sampleRun(stateDir, RUN, newKey('theirs'));
    const { exit, findings } = await examined(folder);
    expect(exit).toBe(12);
    expect(findings.find(({ id }) => id === 'record.signature')?.next).toMatch(
      /^uplift drill verify .* --key /,
    );
  });

  test('of a refused run has no history, touched nothing, and is signed all the same', async () => {
    const folder = await sampleRun(stateDir, RUN, key, { ran: false });
    expect(await examined(folder)).toMatchObject({ is: { history: 'notApplicable' }, exit: 0 });
    expect(outcomeOf((await readRecord(folder.journal)).entries)).toMatchObject({
      execution: 'aborted',
      hypothesis: 'inconclusive',
      restored: 'nothingTouched',
      reasons: ['broker 2 is down'],
    });
    await writeFile(folder.history, '{}\n');
    expect(await examined(folder)).toMatchObject({ is: { history: 'fail' }, exit: 10 });
  });

  test('names what its store probe wrote, and an altered, missing or added file of it is found', async () => {
    const folder = await sampleRun(stateDir, RUN, key, { probeLost: 3, hypothesis: 'deviated' });
    const seen = await examined(folder);
    expect(seen).toMatchObject({ is: { history: 'pass', probe: 'pass' }, exit: 0 });
    expect(seen.signature.state === 'signed' && seen.signature.statement).toMatchObject({
      subject: [{ name: 'journal.ndjson' }, { name: 'history.ndjson' }, { name: 'probe.ndjson' }],
      predicate: { lost: 0, probeLost: 3 },
    });
    const said = JSON.stringify(presentExam({ ...seen, run: RUN, runId: RUN }, seen.findings));
    expect(said).toContain('3 of 500 acknowledged to its probe');
    // A record whose last lines say nothing of it still names it in its result.
    const old = seen.view.entries.filter(({ kind }) => kind !== 'drill.evidence');
    expect((await lookAtProbe(folder, old)).kind).toBe('equal');
    await appendFile(folder.probe, ' ');
    expect(await examined(folder)).toMatchObject({ is: { whole: 'pass', probe: 'fail' }, exit: 10 });
    expect((await lookAtProbe(folder, old)).kind).toBe('different');
    await rm(folder.probe);
    expect(await examined(folder)).toMatchObject({ is: { probe: 'inconclusive' }, exit: 12 });
  });

  test('of a drill without a store probe has no question of it, and does not vouch for a file put there', async () => {
    const folder = await sampleRun(stateDir, RUN, key);
    expect((await examined(folder)).is).not.toHaveProperty('probe');
    await writeFile(folder.probe, '{}\n');
    expect(await examined(folder)).toMatchObject({ is: { probe: 'inconclusive' }, exit: 12 });
  });

  test('whose signature states another drill, or other files, than its lines is broken', async () => {
    const files = [{ name: 'history.ndjson', sha256: 'a'.repeat(64) }];
    const stated = { drill: 'd', region: 'r', execution: 'completed', hypothesis: 'inconclusive' };
    const predicate = { ...stated, restored: 'nothingTouched', acknowledged: null, lost: null };
    const stateOf = async (name: string, more: object, about = files): Promise<unknown> => {
      const path = join(stateDir, `${name}.ndjson`);
      const clock = { nowMs: () => 0, monoNs: () => 0n };
      const journal = await openJournal(path, { runId: RUN, actor: 'a', clock });
      await journal.append('drill.started', { drill: 'd', region: 'r', environment: 'e' });
      await journal.append(EVIDENCE_KIND, { history: { bytes: 1, sha256: 'a'.repeat(64) } });
      await journal.append(ENDED_KIND, { execution: 'completed' });
      await journal.seal({
        key,
        predicateType: RECORD_TYPE,
        predicate: { ...predicate, ...more },
        files: about,
      });
      const check = checkDrill(await readRecord(path), [key]);
      return check.state === 'broken' ? check.why : check.state;
    };
    expect(await stateOf('honest', {})).toBe('signed');
    expect(await stateOf('held', { hypothesis: 'held' })).toBe(
      'it states hypothesis held, and the lines say inconclusive',
    );
    expect(await stateOf('lost', { lost: 0 })).toBe('it states lost 0, and the lines say null');
    for (const name of ['history.ndjson', 'probe.ndjson', 'else'])
      expect(await stateOf(name, {}, [{ name, sha256: 'b'.repeat(64) }])).toBe(
        `it is about another ${name} than the lines name`,
      );
  });

  test('from before there were signatures is still compared with its history', async () => {
    const folder = await sampleRun(stateDir, RUN, key);
    const { entries } = await readRecord(folder.journal);
    const end = JSON.parse((await readFile(folder.history, 'utf8')).trimEnd().split('\n').at(-1) ?? '');
    const old = entries.flatMap((entry) => {
      if (entry.kind === 'drill.evidence') return [];
      if (entry.kind !== 'drill.result') return [entry];
      return [{ ...entry, body: { ...(entry.body as object), history: { sha256: end.sha256 } } as Json }];
    });
    expect((await lookAtHistory(folder, old)).kind).toBe('equal');
    await appendFile(folder.history, ' ');
    expect((await lookAtHistory(folder, old)).kind).toBe('different');
    expect((await lookAtHistory(folder, old.slice(0, 2))).kind).toBe('unsaid');
  });
});

describe('the outcome', () => {
  const entry = (kind: string, body: Json, seq = 0): Entry => ({
    v: 1,
    runId: RUN,
    seq,
    prev: '',
    wall: '2026-11-26T09:00:00.000Z',
    monoNs: '1',
    actor: 'a',
    kind,
    body,
  });
  const started = entry('drill.started', { drill: 'd', region: 'r', environment: 'e' });
  const intent = entry(
    STEP.intent,
    intentBody({ step: { kind: 'k', version: 1, args: null }, describe: 'k', reversible: true }),
    4,
  );

  test('of a run without a result says whether its steps were put back', () => {
    const ended = entry('drill.ended', { execution: 'interrupted', reason: 'SIGINT' });
    expect(outcomeOf([started, ended])?.restored).toBe('nothingTouched');
    expect(outcomeOf([started, intent, ended])?.restored).toBe('notRestored');
    expect(outcomeOf([started, intent, entry(STEP.undone, { intent: 4 }), ended])?.restored).toBe('restored');
  });

  test('of a result that is written otherwise is not guessed', () => {
    expect(outcomeOf([started, entry('drill.result', { verdict: 'fine' })])?.hypothesis).toBeNull();
  });

  test('never fails, whatever stands in the bodies', () => {
    const kinds = [
      'drill.started',
      'drill.result',
      'drill.ended',
      'drill.context',
      'step.intent',
      'phase.begun',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...kinds), fc.jsonValue()), { maxLength: 6 }),
        (lines) => {
          const entries = [started, ...lines.map(([kind, body]) => entry(kind, body as Json))];
          const outcome = outcomeOf(entries);
          expect(outcome === undefined || typeof outcome.drill === 'string').toBe(true);
        },
      ),
    );
  });
});

describe('the list of drills', () => {
  const id = (at: number): string => `01a2155${at}-599f-77f4-bbf0-a44a24836f27`;

  test('shows the newest first, leaves out what is no drill, and shows broken ones as broken', async () => {
    await sampleRun(stateDir, id(1), key);
    const broken = await sampleRun(stateDir, id(2), key, { hypothesis: 'deviated', lost: 4 });
    await chmod(broken.journal, 0o644);
    await writeFile(broken.journal, (await readFile(broken.journal, 'utf8')).replace('deviated', 'held    '));
    await sampleRun(stateDir, id(3), { unsigned: 'old' }, { lost: 4, hypothesis: 'deviated' });
    const open = await sampleRun(stateDir, id(4), key);
    await chmod(open.journal, 0o644);
    const lines = (await readFile(open.journal, 'utf8')).split('\n');
    await writeFile(
      open.journal,
      lines
        .slice(0, -2)
        .map((line) => `${line}\n`)
        .join(''),
    );
    const topics = await openJournal(join(stateDir, 'runs', id(1), 'other.ndjson'), {
      runId: id(5),
      actor: 'topics.apply',
      clock: { nowMs: () => 0, monoNs: () => 0n },
    });
    await topics.append('topics.plan', null);
    await topics.seal();
    expect(rowOf(id(5), await readRecord(topics.path))).toBeUndefined();

    const { rows, more } = await readRows(stateDir, [key], { limit: 10 });
    expect(more).toBe(false);
    expect(rows.map(({ runId, state }) => [runId, state])).toEqual([
      [id(4), 'incomplete'],
      [id(3), 'unsigned'],
      [id(2), 'broken'],
      [id(1), 'signed'],
    ]);
    expect(rows[2]).toMatchObject({ drill: 'kafka-broker-loss', outcome: null });
    const [table] = presentRows(rows, more);
    expect(table).toMatchObject({
      kind: 'table',
      rows: [
        expect.arrayContaining(['kafka-broker-loss', '–', expect.stringContaining('INCOMPLETE')]),
        expect.arrayContaining(['DEVIATED', '4 of 8,412', 'sealed, not signed']),
        expect.arrayContaining(['–', expect.stringMatching(/^BROKEN: line \d+: /)]),
        expect.arrayContaining(['held', '4.1 s', '0 of 8,412', 'signed']),
      ],
    });
    expect((await readRows(stateDir, [key], { limit: 2 })).more).toBe(true);
  });

  test('counts as held only what a known key signed', async () => {
    await sampleRun(stateDir, id(1), key);
    await sampleRun(stateDir, id(2), { unsigned: 'stripped' });
    await sampleRun(stateDir, id(3), newKey('theirs'));
    const { rows } = await readRows(stateDir, [key], { limit: 5 });
    expect(presentRows(rows, false)).toContainEqual({
      kind: 'verdict',
      mark: 'warn',
      text: '3 drills (all there are): 1 held. Not counted: 2 records that no known key signed.',
    });
  });

  test('shows a run whose journal was emptied', async () => {
    const folder = await sampleRun(stateDir, RUN, key);
    await chmod(folder.journal, 0o644);
    await writeFile(folder.journal, '');
    const { rows } = await readRows(stateDir, [key], { limit: 5 });
    expect(rows).toMatchObject([{ runId: RUN, state: 'incomplete', drill: null, outcome: null }]);
  });

  test('tells what a store lost beside what the service lost', async () => {
    await sampleRun(stateDir, RUN, key, { hypothesis: 'deviated', probeLost: 3 });
    const { rows } = await readRows(stateDir, [key], { limit: 1 });
    expect(rows.map((row) => cellsOf(row).at(-1))).toEqual(['0 of 8,412; store 3']);
    expect(trendOf(rows)).toMatchObject([{ lost: 0, probeLost: 3 }]);
    expect(standing(rows)).toContain("3 more by a store, of its probe's writes.");
  });

  test('says of an empty state folder that nothing ran', async () => {
    expect(presentRows([], false)[0]).toEqual({ kind: 'text', text: 'There is no record of a drill here.' });
    expect((await readRows(stateDir, [], { limit: 5 })).rows).toEqual([]);
  });

  test('takes the time of a record that cannot be read from the id of its run', () => {
    const row = rowOf(RUN, 'EACCES');
    expect(row).toMatchObject({ state: 'broken', problem: 'EACCES', outcome: null });
    expect(new Date(row?.atMs ?? 0).toISOString()).toMatch(/^2026-11-26T/);
  });
});

describe('what a record is worth', () => {
  test('never grows by what its signature says when its lines are broken or not sealed', async () => {
    const folder = await sampleRun(stateDir, RUN, key);
    const view = await readRecord(folder.journal);
    const good = checkDrill(view, [key]);
    expect(recordState(view, good)).toBe('signed');
    expect(recordState({ ...view, status: 'broken' }, good)).toBe('broken');
    expect(recordState({ ...view, status: 'unsealed' }, good)).toBe('incomplete');
    expect((await digestOfFile(join(folder.dir, 'none'))) ?? 'none').toBe('none');
  });
});

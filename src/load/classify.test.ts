import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PROBLEMS } from '../contract/http.ts';
import { classify } from './classify.ts';

const ID = 'a'.repeat(32);
const answer = (status: number, body: unknown) => ({
  kind: 'answer' as const,
  status,
  headers: {},
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const problem = (status: number, type: string) => answer(status, { type, title: 't', status });

test('only a 202 with our operation id is ok', () => {
  expect(classify(answer(202, { operationId: ID, token: 't' }), ID)).toMatchObject({
    kind: 'ok',
    token: 't',
    reason: null,
  });
  expect(classify(answer(202, { operationId: 'b'.repeat(32), token: 't' }), ID)).toMatchObject({
    kind: 'info',
  });
  expect(classify(answer(202, 'not json'), ID)).toMatchObject({ kind: 'info' });
  expect(classify(answer(200, { operationId: ID, token: 't' }), ID)).toMatchObject({ kind: 'info' });
});

test('what certainly had no effect is fail: never written, a documented 4xx, a 503 that sent nothing on', () => {
  expect(
    classify({ kind: 'failed', failure: 'notSent', code: 'ECONNREFUSED', reason: '' }, ID),
  ).toMatchObject({ kind: 'fail', retry: true });
  expect(classify(problem(400, PROBLEMS.invalid), ID)).toMatchObject({ kind: 'fail', retry: false });
  expect(classify(problem(409, PROBLEMS.keyRunning), ID)).toMatchObject({
    kind: 'fail',
    retry: true,
    running: true,
  });
  expect(classify(problem(422, PROBLEMS.keyReused), ID)).toMatchObject({ kind: 'fail', retry: false });
  expect(classify(problem(503, PROBLEMS.notReady), ID)).toMatchObject({ kind: 'fail', retry: true });
  expect(classify(problem(503, PROBLEMS.overloaded), ID)).toMatchObject({ kind: 'fail', retry: true });
});

test('everything else is info: lost answers, unknown outcomes, undocumented errors', () => {
  expect(classify({ kind: 'failed', failure: 'unknown', code: 'timeout', reason: '' }, ID)).toMatchObject({
    kind: 'info',
    retry: true,
  });
  expect(classify(problem(503, PROBLEMS.outcomeUnknown), ID)).toMatchObject({ kind: 'info', retry: true });
  expect(classify(problem(409, PROBLEMS.outcomeUnknown), ID)).toMatchObject({ kind: 'info' });
  for (const status of [408, 409, 500, 502, 503, 504])
    expect(classify(answer(status, '<html>'), ID).kind).toBe('info');
});

test('whatever a server answers, it is ok only as 202 and fail only with a problem type of ours', () => {
  const anyAnswer = fc.record({
    status: fc.integer({ min: 100, max: 599 }),
    body: fc.oneof(fc.string(), fc.json()),
  });
  fc.assert(
    fc.property(anyAnswer, ({ status, body }) => {
      expect(classify(answer(status, body), ID).kind).toBe('info');
    }),
  );
});

import { describe, expect, it } from 'vitest';
import { UpliftError } from '../core/error.ts';
import { renderError } from './error.ts';
import { errorDocument, renderJson, renderNdjson } from './json.ts';

const style = { color: false, unicode: true, columns: 100 };
const problem = (text: string, summary: string, id: string) =>
  ({ id, title: 'valid', status: 'fail', summary, evidence: [], promise: { source: 'file', text } }) as const;

describe('errors as text', () => {
  it('say what happened with the code at the edge, the exit code, and what to type', () => {
    const error = new UpliftError('UPL-KAFKA-UNREACHABLE', {
      message:
        'Cannot reach Kafka at 127.0.0.1:19092, :19093, :19094 (connection refused, 3 tries in 5.0 s).',
      next: 'uplift sandbox status',
    });
    expect(renderError(error, style, { debug: false, exit: error.exit })).toMatchInlineSnapshot(`
      "Cannot reach Kafka at 127.0.0.1:19092, :19093, :19094 (connection refused, 3 tries in 5.0 s).
                                                                            UPL-KAFKA-UNREACHABLE  exit 69
      Next: uplift sandbox status
      "
    `);
  });

  it('list every problem of a file with its place before the sum', () => {
    const error = new UpliftError('UPL-CONFIG-INVALID', {
      message: 'uplift.yaml has 2 problems.',
      findings: [
        problem(
          'uplift.yaml:12:7',
          'regions[0].kafka.broker is not a field. Did you mean "brokers"?',
          'UPL-CONFIG-UNKNOWN-KEY',
        ),
        problem(
          'uplift.yaml:9:7',
          'limits.recovery must be a duration such as 500ms, 5s, 2m, 12h or 7d, and not a bare number.',
          'UPL-CONFIG-TYPE',
        ),
      ],
      next: 'correct uplift.yaml, then: uplift config validate',
    });
    expect(renderError(error, style, { debug: false, exit: error.exit })).toMatchInlineSnapshot(`
      "uplift.yaml:12:7  regions[0].kafka.broker is not a field. Did you mean "brokers"?
                                                                                    UPL-CONFIG-UNKNOWN-KEY
      uplift.yaml:9:7   limits.recovery must be a duration such as 500ms, 5s, 2m, 12h or 7d, and not a
                        bare number.                                                       UPL-CONFIG-TYPE

      uplift.yaml has 2 problems.                                              UPL-CONFIG-INVALID  exit 78
      Next: correct uplift.yaml, then: uplift config validate
      "
    `);
  });

  it('show other findings as a report does', () => {
    const error = new UpliftError('UPL-PREFLIGHT-REFUSED', {
      message: 'Preflight: 1 of 2 checks failed; nothing was touched.',
      findings: [
        { id: 'kafka.brokers', title: 'all brokers are up', status: 'pass', summary: '3 of 3', evidence: [] },
        {
          id: 'kafka.isr',
          title: 'full ISR',
          status: 'fail',
          summary: '4 partitions below',
          evidence: [{ query: 'Metadata v12', value: 'isr 2 of 3' }],
          next: 'uplift check',
        },
      ],
    });
    expect(renderError(error, style, { debug: false, exit: error.exit })).toMatchInlineSnapshot(`
      "✘ kafka.isr      4 partitions below
          Metadata v12  →  isr 2 of 3
          uplift check
      ✔ kafka.brokers  3 of 3

      Preflight: 1 of 2 checks failed; nothing was touched.                 UPL-PREFLIGHT-REFUSED  exit 15
      "
    `);
  });

  it('add stacks and causes only under --debug', () => {
    const error = new UpliftError('UPL-STEP-FAILED', {
      message: 'no',
      cause: new Error('inner', { cause: 'innermost' }),
    });
    expect(renderError(error, style, { debug: false, exit: 10 })).not.toContain('inner');
    const text = renderError(error, style, { debug: true, exit: 10 });
    expect(text).toMatch(
      /UpliftError: no\n +at [\s\S]*caused by: Error: inner\n[\s\S]*caused by: innermost\n/,
    );
  });

  it('end in bounded time for causes that go in a circle', () => {
    const error = new Error('loop');
    Object.assign(error, { cause: error });
    expect(
      renderError(new UpliftError('UPL-USAGE', { message: 'x', cause: error }), style, {
        debug: true,
        exit: 64,
      }),
    ).toContain('loop');
  });

  it('keep to ASCII where the terminal is not UTF-8', () => {
    const error = new UpliftError('UPL-USAGE', { message: 'a → b…' });
    expect(renderError(error, { ...style, unicode: false }, { debug: false, exit: 64 })).toMatch(
      /^a -> b\.\.\. .*UPL-USAGE {2}exit 64\n$/,
    );
  });
});

describe('errors as JSON', () => {
  it('share the envelope of a success', () => {
    const error = new UpliftError('UPL-USAGE', { message: 'no such flag' });
    const document = errorDocument(error, error.exit);
    expect(JSON.parse(renderJson(document))).toEqual({
      schemaVersion: 1,
      kind: 'error',
      exit: 64,
      code: 'UPL-USAGE',
      message: 'no such flag',
      next: null,
      findings: [],
    });
    expect(renderNdjson(document).trim().split('\n')).toHaveLength(1);
  });

  it('never lets data overwrite the envelope, and writes 64-bit integers as strings', () => {
    const text = renderJson({
      kind: 'topics.plan',
      exit: 0,
      data: { exit: 99, offset: 9_007_199_254_740_993n, list: [1n] },
    });
    expect(JSON.parse(text)).toEqual({
      schemaVersion: 1,
      kind: 'topics.plan',
      exit: 0,
      offset: '9007199254740993',
      list: ['1'],
    });
    expect(JSON.parse(renderJson({ kind: 'k', exit: 0, data: [1] }))).toMatchObject({ data: [1] });
    expect(renderNdjson({ kind: 'k', exit: 0, data: { rows: [1, { a: 2 }] } })).toBe(
      '{"type":"rows","value":1}\n{"type":"rows","a":2}\n{"type":"summary","schemaVersion":1,"kind":"k","exit":0}\n',
    );
  });

  it('says npx before what to type next where npx started it, and nowhere else', () => {
    const error = new UpliftError('UPL-KAFKA-REQUEST', {
      message: 'uplift could not.',
      next: 'correct it, then: uplift check\nuplift sandbox status\n--config x/uplift.yaml',
    });
    const style = { color: false, unicode: false, columns: 100, npx: true };
    const text = renderError(error, style, { debug: false, exit: 69 });
    expect(text).toContain('uplift could not.');
    expect(text).toContain(
      'Next: correct it, then: npx uplift check\n      npx uplift sandbox status\n      --config x/uplift.yaml',
    );
  });
});

import { describe, expect, test } from 'vitest';
import { UpliftError } from '../../core/error.ts';
import { errorForLog } from './log.ts';

describe('an error in a log line', () => {
  test('of the language about the program says what was wrong', () => {
    expect(errorForLog(new TypeError('x is not a function'))).toMatchObject({
      name: 'TypeError',
      message: 'x is not a function',
    });
    const own = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
    expect(errorForLog(own)).toMatchObject({ code: 'UPL-KAFKA-PRODUCE', message: 'deadline' });
  });

  test('that may quote what it was given says only what it is and where it comes from', () => {
    const quoting = Object.assign(new SyntaxError('Unexpected token: planted'), {
      detail: 'planted',
      code: '22P02',
    });
    const line = errorForLog(quoting);
    expect(line).toMatchObject({ name: 'SyntaxError', code: '22P02' });
    expect(JSON.stringify(line)).not.toContain('planted');
    expect((line as { at: string[] }).at[0]).toMatch(/^at .*log\.test\.ts/);
    expect(errorForLog('planted')).toEqual({ name: 'string' });
  });
});

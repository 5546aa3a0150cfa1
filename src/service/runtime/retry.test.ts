import { describe, expect, test } from 'vitest';
import { UpliftError } from '../../core/error.ts';
import { Retries } from './retry.ts';

const refusedAt = (address: string): UpliftError =>
  new UpliftError('UPL-KAFKA-AUTH', { message: `Kafka at ${address} refused the login of "uplift".` });

describe('what a role tries again for ever', () => {
  test('is logged once per reason; a refusal once, whichever broker it comes from, and asked for more rarely', () => {
    const retries = new Retries();
    const away = (): Error => new Error('away');
    const seen = [away(), away(), refusedAt('a:1'), refusedAt('a:2'), refusedAt('a:1'), away()];
    const told = seen.map((error) => retries.failed(error));
    expect(told.map(({ isNew }) => isNew)).toEqual([true, false, true, false, false, true]);
    expect(told.map(({ delayMs }) => delayMs)).toEqual([1000, 1000, 10_000, 10_000, 10_000, 1000]);
    expect(told[3]?.reason).toBe('Kafka at a:2 refused the login of "uplift".');
  });
});

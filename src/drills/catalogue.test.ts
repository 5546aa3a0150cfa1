import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { drillOf } from './catalogue.ts';
import { DRILL_NAMES } from './names.ts';

describe('the catalogue of drills', () => {
  it('has every drill that is listed, under its own id', () => {
    for (const name of DRILL_NAMES) expect(drillOf(name.id)).toMatchObject(name);
  });

  it('has a runbook for every drill', () => {
    const runbook = (id: string): URL => new URL(`../../docs/runbooks/${id}.md`, import.meta.url);
    const without = DRILL_NAMES.filter(({ id }) => !existsSync(runbook(id)));
    expect(without).toEqual([]);
  });

  it('says what was meant, and where the list is', () => {
    expect(() => drillOf('kafka-broker-los')).toThrow(
      expect.objectContaining({
        code: 'UPL-USAGE',
        message: expect.stringContaining('did you mean kafka-broker-loss?'),
        next: 'uplift drill ls',
      }),
    );
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freeName, readPlanFile, writePlanFile } from './plan-file.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plan-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a saved plan', () => {
  it('is never overwritten: the error names the command that saves it under a free name', async () => {
    const file = join(folder, 'replay.plan.json');
    await writeFile(file, 'mine');
    const save = writePlanFile(file, '{}', (free) => `uplift dlq plan t --out ${free}`);
    await expect(save).rejects.toMatchObject({
      code: 'UPL-CANNOT-WRITE',
      message: `${file} is there already; a plan is never overwritten.`,
      next: `uplift dlq plan t --out ${join(folder, 'replay.plan.2.json')}`,
    });
    expect(await readFile(file, 'utf8')).toBe('mine');
  });

  it('that is not there is said to be so, not to be of a wrong format', async () => {
    const file = join(folder, 'none.json');
    const read = readPlanFile({ file, what: 'a plan', next: 'make one', parse: (value) => value });
    await expect(read).rejects.toMatchObject({ message: `${file} does not exist.`, next: 'make one' });
  });
});

describe('a free name', () => {
  it('is the name itself, or the first number after it that is free', () => {
    const taken = new Set(['p.json', 'p.2.json', 'plain', 'q.3.json']);
    const isTaken = (name: string): boolean => taken.has(name);
    expect(freeName('free.json', isTaken)).toBe('free.json');
    expect(freeName('p.json', isTaken)).toBe('p.3.json');
    expect(freeName('plain', isTaken)).toBe('plain.2');
    expect(freeName('q.3.json', isTaken)).toBe('q.2.json');
  });
});

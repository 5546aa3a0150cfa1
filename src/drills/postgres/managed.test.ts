import { describe, expect, it } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import type { WriterLook } from '../../facts/postgres/writer.ts';
import { runSteps, undoSteps } from '../../steps/engine.ts';
import type { StepEntry, StepJournal } from '../../steps/journal-kinds.ts';
import { stepOf, stepRegistry } from '../../steps/kind.ts';
import type { ProcessActuator } from '../actuators/process.ts';
import type { ProbeWrite } from '../probe/probe.ts';
import { loseManagedStep, type ManagedStepContext, managedKinds } from '../steps/postgres/managed.ts';
import { type ManagedFacts, managedFindings, watchWriter } from './managed.ts';

const WAS: WriterLook = { takesWrites: true, startedAt: 'monday', standbys: 1 };
const seen = <T>(value: T) => ({ seen: true, atMs: 0, value }) as const;
const FACTS: ManagedFacts = {
  ...{ region: 'eu', server: 'shop', writer: seen(WAS), hasPooler: true },
  held: { ok: true, text: 'Postgres shop is running (comes back by itself)' },
};

describe('the preflight of a managed primary', () => {
  it.each<[string, Partial<ManagedFacts>, string]>([
    [
      'answers nothing',
      { writer: { seen: false, atMs: 0, reason: 'no answer' } },
      'drill.postgres.set inconclusive',
    ],
    ['takes no writes', { writer: seen({ ...WAS, takesWrites: false }) }, 'drill.postgres.set fail'],
    ['has no pooler', { hasPooler: false }, 'drill.postgres.pooler inconclusive'],
    ['has no commands', { held: { ok: false, text: 'no commands' } }, 'drill.victim inconclusive'],
  ])('that %s refuses', (_, change, expected) => {
    const notPassed = managedFindings({ ...FACTS, ...change }).filter(({ status }) => status !== 'pass');
    expect(notPassed.map(({ id, status }) => `${id} ${status}`)).toEqual([expected]);
  });

  it('passes where all is there', () => {
    expect(managedFindings(FACTS).map(({ status }) => status)).toEqual(['pass', 'pass', 'pass']);
  });
});

describe('watching who answers at the address of a writer', () => {
  it('elected is another life that takes writes; writes again is its first commit', async () => {
    const lives: (WriterLook | Error)[] = [
      WAS,
      new Error('no answer'),
      { takesWrites: false, startedAt: 'tuesday', standbys: 0 },
      { takesWrites: true, startedAt: 'tuesday', standbys: 0 },
    ];
    const writes: ProbeWrite[] = [];
    let at = 0n;
    const watch = watchWriter({
      was: WAS,
      monoNs: () => (at += 1n),
      deadlineMs: 5000,
      probe: { writes: () => writes, struck: new Set(['primary']) },
      async look() {
        const now = lives.length > 1 ? lives.shift() : lives[0];
        if (now === undefined || now instanceof Error) throw now;
        return now;
      },
    });
    const elected = async (): Promise<boolean> => watch.moments().electedNs !== null;
    await waitFor(elected, { what: 'elected', timeoutMs: 5000, intervalMs: 10 });
    expect(lives).toHaveLength(1);
    expect(watch.moments()).toEqual({ detectedNs: null, electedNs: 1n, reconnectedNs: null });
    expect(watch.settled()).toBe(false);
    writes.push({ id: '7', group: 'primary', endedNs: 9_000n, outcome: 'ok' });
    expect(watch.moments()).toMatchObject({ reconnectedNs: 9_000n });
    expect(watch.settled()).toBe(true);
    await watch.stop();
  });
});

/** A provider that takes an order, is away, and is back as another life by itself or when it is told to be. */
class Provider {
  life = 1;
  away = false;
  standbys = 1;
  killed = 0;
  started = 0;

  readonly actuator: ProcessActuator<string> = {
    describe: async () => ({ ok: !this.away, text: 'shop' }),
    kill: async () => {
      this.killed += 1;
      this.away = true;
      this.life += 1;
    },
    hang: () => Promise.reject(new Error('never')),
    hanging: async () => false,
    start: async () => {
      this.started += 1;
      this.away = false;
    },
    running: async () => !this.away,
    pace: { effectMs: 100, lookEveryMs: 5, startMs: 1000 },
  };

  readonly context: ManagedStepContext = {
    managed: {
      of: () => this.actuator,
      look: async () => {
        if (this.away) throw new Error('no answer');
        return { takesWrites: true, startedAt: String(this.life), standbys: this.standbys };
      },
    },
  };
}

const ARGS = { units: 'exec:eu', server: 'shop', startedAt: '1', standbys: 1 };

function steps(context: ManagedStepContext) {
  const entries: StepEntry[] = [];
  const journal: StepJournal = {
    append: async (kind, body) => {
      const entry = { seq: entries.length, kind, body };
      entries.push(entry);
      return entry;
    },
  };
  const parts = { registry: stepRegistry(managedKinds), journal, context };
  const { signal } = new AbortController();
  return {
    entries,
    run: () => runSteps({ ...parts, steps: [stepOf(loseManagedStep, ARGS)], signal }),
    undo: (more: ManagedStepContext = context) =>
      undoSteps({ ...parts, context: more, entries: [...entries] }),
  };
}

describe('the step that loses a managed primary', () => {
  it('is seen by the state, or by another life, and undone until writes and standbys are back; twice is harmless', async () => {
    const provider = new Provider();
    const { run, undo } = steps(provider.context);
    await run();
    expect(provider.away).toBe(true);
    expect((await undo()).failed).toEqual([]);
    expect((await undo()).failed).toEqual([]);
    expect(provider).toMatchObject({ away: false, killed: 1, started: 1 });
  });

  it('one that is back before anybody looked is seen by its other life', async () => {
    const provider = new Provider();
    const { kill } = provider.actuator;
    const quick = {
      ...provider.actuator,
      kill: async (name: string) => kill(name).then(() => provider.actuator.start(name)),
    };
    const managed = { of: () => quick, look: provider.context.managed?.look ?? (() => Promise.reject()) };
    await steps({ managed }).run();
    expect(provider).toMatchObject({ away: false, life: 2 });
  });

  it('an order that came to nothing is a failed step', async () => {
    const provider = new Provider();
    const idle = { ...provider.actuator, kill: async () => undefined };
    const managed = { of: () => idle, look: provider.context.managed?.look ?? (() => Promise.reject()) };
    await expect(steps({ managed }).run()).rejects.toMatchObject({
      code: 'UPL-STEP-FAILED',
      message: expect.stringContaining('Postgres shop away'),
    });
  });

  it('stays open where uplift.yaml has no commands any more', async () => {
    const provider = new Provider();
    const { run, undo } = steps(provider.context);
    await run();
    const { failed } = await undo({});
    expect(failed).toMatchObject([
      { error: { message: expect.stringContaining('no actuator.postgres any more') } },
    ]);
  });
});

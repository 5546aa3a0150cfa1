import fc from 'fast-check';
import { clocksAt, LeaseTable } from './leases-fixture.ts';
import { createSnowflake, SNOWFLAKE_EPOCH_MS, snowflakeMs } from './snowflake.ts';
import {
  afterOutcome,
  type Clocks,
  type Grant,
  type LeaseState,
  leaseTerms,
  nextQuestion,
  permitAt,
  UNLEASED,
} from './worker-lease.ts';

export const TERMS = leaseTerms(9000);
const WORKERS = [600, 601];
export const START = SNOWFLAKE_EPOCH_MS + 10_000_000;

/** A gateway in a world whose true time only the test knows: it asks, is paused anywhere, and makes ids. */
class Gateway {
  readonly startMs: number;
  holder: string;
  state: LeaseState = UNLEASED;
  asleepMs = 0;
  wallStepMs = 0;
  /** An answer on its way. */
  answer: { readonly asked: Clocks; readonly grant: Grant | undefined } | undefined;
  #generate: (() => bigint) | undefined;
  #nowMs = 0;
  #lastIssuedMs = 0;

  constructor(holder: string, startMs: number) {
    this.holder = holder;
    this.startMs = startMs;
  }

  clocks(trueMs: number): Clocks {
    return clocksAt(trueMs, this.startMs, this.asleepMs, this.wallStepMs);
  }

  /** The question reaches the table at once; its answer stays on the way until `hear`. */
  ask(table: LeaseTable, trueMs: number): void {
    const asked = this.clocks(trueMs);
    if (this.answer !== undefined || nextQuestion(this.state, asked, TERMS) === undefined) return;
    const { held } = this.state;
    const grant = held === undefined ? table.acquire(this.holder) : table.renew(this.holder, held.worker);
    this.answer = { asked, grant };
  }

  hear(trueMs: number, lost: boolean): void {
    if (this.answer === undefined) return;
    const { asked, grant } = this.answer;
    this.answer = undefined;
    const before = this.state.held;
    const outcome = lost
      ? ({ kind: 'unsure', reason: 'no answer', asked } as const)
      : grant === undefined
        ? ({ kind: before === undefined ? 'noneFree' : 'taken', asked } as const)
        : ({ kind: 'granted', grant, asked, answered: this.clocks(trueMs) } as const);
    this.state = afterOutcome(this.state, outcome);
    const { held } = this.state;
    if (held !== undefined && before?.worker !== held.worker) {
      this.#lastIssuedMs = held.floorMs;
      this.#generate = createSnowflake({
        worker: held.worker,
        afterMs: held.floorMs,
        throughMs: () => this.state.held?.ceilingMs ?? 0,
        nowMs: () => this.#nowMs,
        maxAheadMs: TERMS.aheadMs,
      });
    }
  }

  issue(trueMs: number): bigint | undefined {
    const permit = permitAt(this.state, this.clocks(trueMs), TERMS);
    if (!permit.ok || this.#generate === undefined) return undefined;
    this.#nowMs = permit.nowMs;
    try {
      const id = this.#generate();
      this.#lastIssuedMs = snowflakeMs(id);
      return id;
    } catch {
      return undefined;
    }
  }

  /** One holder may have one worker twice, with somebody else in between. */
  tenure(): string {
    return `${this.holder} after ${this.state.held?.floorMs}`;
  }

  /** A clean end; afterwards another process stands in its place. */
  stop(table: LeaseTable): void {
    const { held } = this.state;
    this.state = UNLEASED;
    if (held !== undefined) table.release(this.holder, held.worker, this.#lastIssuedMs);
  }
}

const who = fc.nat({ max: 3 });
const event = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('work' as const), who }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ask' as const), who }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('hear' as const), who, lost: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('issue' as const), who }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.oneof(fc.nat({ max: 3000 }), fc.nat({ max: 60_000 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('step' as const), ms: fc.integer({ min: -90_000, max: 90_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('suspend' as const), who, ms: fc.nat({ max: 90_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('wall' as const),
      who,
      ms: fc.integer({ min: -90_000, max: 90_000 }),
    }),
  },
);
export type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

export const histories = fc.array(event, { minLength: 20, maxLength: 200, size: 'max' });

/** Four places for gateways, two workers, and every mishap; `issued` is what came out. */
export class World {
  trueMs = START;
  stepMs = 0;
  starts = 0;
  readonly issued: { readonly id: bigint; readonly by: string }[] = [];
  readonly table = new LeaseTable(WORKERS, TERMS, () => this.trueMs + this.stepMs);
  readonly gateways: Gateway[] = [0, 1, 2, 3].map(() => this.#fresh());

  #fresh(): Gateway {
    this.starts += 1;
    return new Gateway(`gateway ${this.starts}`, this.trueMs);
  }

  apply(event: Event): void {
    const gateway = 'who' in event ? this.gateways[event.who] : undefined;
    switch (event.do) {
      case 'time':
        this.trueMs += event.ms;
        break;
      case 'step':
        this.stepMs = event.ms;
        break;
      case 'ask':
        gateway?.ask(this.table, this.trueMs);
        break;
      case 'hear':
        gateway?.hear(this.trueMs, event.lost);
        break;
      case 'work':
        gateway?.ask(this.table, this.trueMs);
        gateway?.hear(this.trueMs, false);
        this.apply({ do: 'issue', who: event.who });
        break;
      case 'issue': {
        const id = gateway?.issue(this.trueMs);
        if (id !== undefined && gateway !== undefined) this.issued.push({ id, by: gateway.tenure() });
        break;
      }
      case 'suspend':
        this.trueMs += event.ms;
        if (gateway !== undefined) gateway.asleepMs += event.ms;
        break;
      case 'wall':
        if (gateway !== undefined) gateway.wallStepMs = event.ms;
        break;
      default:
        if (event.do === 'stop') gateway?.stop(this.table);
        this.gateways[event.who] = this.#fresh();
    }
  }

  /** Workers of which two processes gave ids of overlapping times. */
  overlaps(): string[] {
    const spans = new Map<string, { worker: bigint; by: string; from: number; to: number }>();
    for (const { id, by } of this.issued) {
      const worker = (id >> 12n) & 1023n;
      const ms = snowflakeMs(id);
      const name = `${by} as ${worker}`;
      const { from, to } = spans.get(name) ?? { from: ms, to: ms };
      spans.set(name, { worker, by, from: Math.min(from, ms), to: Math.max(to, ms) });
    }
    return [...spans].flatMap(([name, a]) =>
      [...spans.values()].some(
        (b) => a.by !== b.by && a.worker === b.worker && a.from <= b.to && b.from <= a.to,
      )
        ? [name]
        : [],
    );
  }

  /** Workers that more than one process believes it may use at this very moment. */
  shared(): number[] {
    const used = this.gateways.flatMap((gateway) =>
      permitAt(gateway.state, gateway.clocks(this.trueMs), TERMS).ok ? [gateway.state.held?.worker ?? 0] : [],
    );
    return used.filter((worker, at) => used.indexOf(worker) !== at);
  }
}

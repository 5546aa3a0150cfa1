import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeProbe, type ProbeInput, provesItself } from './judge.ts';
import type { ProbeOutcome, ProbeWrite } from './probe.ts';

const SERVERS = ['az-a', 'az-b', 'az-c'];
const outcomes: ProbeOutcome[] = ['ok', 'fail', 'info'];

/** Writes in any order of ends, and servers that have every acknowledged one and some of the unknown. */
const faithful = fc
  .array(fc.record({ outcome: fc.constantFrom(...outcomes), there: fc.boolean() }), { maxLength: 60 })
  .map((all): ProbeInput => {
    const writes = all.map(({ outcome }, id): ProbeWrite => ({ id: String(id), outcome }));
    const ids = all.flatMap(({ outcome, there }, id) =>
      outcome === 'ok' || (outcome === 'info' && there) ? [String(id)] : [],
    );
    const servers = new Map(SERVERS.map((server) => [server, ids]));
    return { what: 'table', writes, reads: { servers, troubles: [] } };
  });

const okOf = ({ writes }: ProbeInput): string[] =>
  writes.flatMap(({ id, outcome }) => (outcome === 'ok' ? [id] : []));

function changed(
  input: ProbeInput,
  server: string,
  change: (ids: readonly string[]) => string[],
): ProbeInput {
  const servers = new Map(input.reads.servers);
  servers.set(server, change(servers.get(server) ?? []));
  return { ...input, reads: { ...input.reads, servers } };
}

describe('the judge of a probe', () => {
  it('finds nothing in a store that kept what it acknowledged, and counts every write once', () => {
    fc.assert(
      fc.property(faithful, (input) => {
        const judged = judgeProbe(input);
        expect(judged.broken).toEqual([]);
        expect(judged.acknowledged + judged.failed + judged.unknown).toBe(input.writes.length);
        expect(judged.missing).toHaveLength(judged.acknowledged === 0 ? 1 : 0);
      }),
    );
  });

  it('names exactly the acknowledged ids that any one server has not', () => {
    fc.assert(
      fc.property(
        faithful,
        fc.constantFrom(...SERVERS),
        fc.func(fc.boolean()),
        (input, server, isLost: (id: string) => boolean) => {
          const losses = okOf(input).filter(isLost);
          const { lost, broken } = judgeProbe(
            changed(input, server, (ids) => ids.filter((id) => !losses.includes(id))),
          );
          expect(lost).toEqual(losses.map((id) => ({ id, missingOn: [server] })));
          expect(broken).toHaveLength(losses.length === 0 ? 0 : 1);
        },
      ),
    );
  });

  it('names what was refused or never sent and is there, and what is there twice', () => {
    const input: ProbeInput = {
      what: 'table',
      writes: [
        { id: '1', outcome: 'ok' },
        { id: '2', outcome: 'fail' },
      ],
      reads: { servers: new Map([['az-a', ['1', '1', '2', '9']]]), troubles: [] },
    };
    expect(judgeProbe(input)).toMatchObject({ lost: [], phantom: ['2', '9'], duplicates: ['1'] });
    expect(judgeProbe(input).broken).toHaveLength(2);
  });

  it('says nothing without a read of every server, and never that all is well', () => {
    const writes: ProbeWrite[] = [{ id: '1', outcome: 'ok' }];
    const none = judgeProbe({ what: 'table', writes, reads: { servers: new Map(), troubles: [] } });
    expect(none.missing).toEqual(['no server was read (table)']);
    const servers = new Map([['az-a', ['1']]]);
    const reads = { servers, troubles: ['az-b could not be read'] };
    expect(judgeProbe({ what: 'table', writes, reads }).missing).toEqual(['az-b could not be read']);
  });

  it('proves itself wherever an acknowledged id is there to be taken away, and only there', () => {
    fc.assert(
      fc.property(faithful, (input) => {
        expect(provesItself(input)).toBe(okOf(input).length > 0);
      }),
    );
  });

  it('proves itself beside a real loss as well', () => {
    fc.assert(
      fc.property(faithful, (input) => {
        const ids = okOf(input);
        fc.pre(ids.length > 1);
        const lossy = changed(input, 'az-b', (there) => there.filter((id) => id !== ids[0]));
        expect(provesItself(lossy)).toBe(true);
      }),
    );
  });
});

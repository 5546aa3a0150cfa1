import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Block } from '../core/blocks.ts';
import type { Finding } from '../core/finding.ts';
import { widthOf } from './letters.ts';
import type { Style } from './style.ts';
import { renderText } from './text.ts';

const plain: Style = { color: false, unicode: true, columns: 90 };
const finding = (over: Partial<Finding>): Finding => ({
  id: 'kafka.topic.durability',
  title: 'every topic is durable',
  status: 'pass',
  summary: 'all 3 topics as promised',
  evidence: [],
  ...over,
});

const drill: Block[] = [
  { kind: 'next', command: 'uplift drill show 0194c2' },
  {
    kind: 'heading',
    text: 'kafka-broker-loss · region local · sandbox',
    sub: 'Kill the broker that leads most partitions; nothing may be lost.',
  },
  {
    kind: 'counts',
    items: [
      ['acknowledged', 8412],
      ['lost', 0],
      ['duplicates', 0],
      ['unknown', 37],
      ['repeated', 12],
    ],
  },
  {
    kind: 'table',
    columns: [
      { title: 'recovery' },
      { title: 'measured', align: 'right' },
      { title: 'target', align: 'right' },
      { title: 'explained by' },
    ],
    rows: [
      ['detect', '3.0 s', '', 'broker.session.timeout.ms 3000'],
      ['back inside SLO', '4.1 s', '≤ 30 s', ''],
    ],
  },
  { kind: 'verdict', mark: 'ok', text: 'HELD, restored.  Record 0194c2 (sealed, 214 lines, head 9f2c41…)' },
];

const check: Block[] = [
  {
    kind: 'findings',
    findings: [
      finding({}),
      finding({
        id: 'postgres.replica.lag',
        status: 'warn',
        summary: 'replica az-c is 41 s behind (limit 30 s)',
        evidence: [
          {
            query: 'SELECT … FROM pg_stat_replication',
            value:
              'replay 0/5A3C1D8, 268 MB behind, and much more that does not fit on one line of a terminal',
          },
        ],
        promise: { source: 'file', text: 'uplift.yaml:77' },
        next: 'uplift explain postgres.replica.lag',
      }),
      finding({
        id: 'service.ready',
        status: 'inconclusive',
        summary: 'no answer from http://127.0.0.1:41873 in 2.0 s: could not tell, which is a long sentence',
        promise: { source: 'default', text: 'default' },
      }),
      finding({ id: 'redis.slots', status: 'fail', summary: '5,461 slots without a server' }),
    ],
  },
  { kind: 'verdict', mark: 'bad', text: '1 pass · 1 warn · 1 fail · 1 inconclusive.' },
];

const plan: Block[] = [
  { kind: 'text', text: 'local: 2 topics differ from uplift.yaml, 14 equal' },
  {
    kind: 'diff',
    entries: [
      {
        sign: '~',
        name: 'reservations.events',
        detail: '',
        origin: 'uplift.yaml:31',
        lines: ['replicas          2 → 3      48 replicas to add, 1.9 GiB to copy'],
      },
      { sign: '+', name: 'reservations.events.dlq', detail: '24 partitions · RF 3 · min ISR 2 · keep 7d' },
      {
        sign: '!',
        name: 'orders',
        detail: 'refused: Kafka cannot take partitions away. New topic + copy, or set 12.',
        origin: 'uplift.yaml:58',
      },
    ],
  },
  {
    kind: 'keyValues',
    rows: [
      ['bytes to move', 'az-a → az-b 0.9 GiB'],
      ['losing a zone', 'now: 24 partitions would stop taking writes'],
    ],
  },
  { kind: 'verdict', mark: 'warn', text: 'Plan: 2 to change, 1 refused.' },
  { kind: 'next', command: 'uplift topics apply' },
  { kind: 'next', command: 'uplift topics plan --out p.json' },
];

describe('text', () => {
  it('of a drill has its counts on a line and the verdict last, then what to type', () => {
    expect(renderText({ blocks: drill, exit: 0 }, plain)).toMatchInlineSnapshot(`
      "kafka-broker-loss · region local · sandbox
      Kill the broker that leads most partitions; nothing may be lost.

        acknowledged 8,412    lost 0    duplicates 0    unknown 37    repeated 12

        recovery         measured  target  explained by
        detect              3.0 s          broker.session.timeout.ms 3000
        back inside SLO     4.1 s  ≤ 30 s

      HELD, restored.  Record 0194c2 (sealed, 214 lines, head 9f2c41…)
      Next: uplift drill show 0194c2
      "
    `);
  });

  it('of a table with groups has each name once above its columns, with room for it', () => {
    const columns = [
      { title: 'GROUP' },
      ...['us-east (0.4 s ago)', 'eu'].flatMap((group) => [
        { title: 'BEHIND', align: 'right', group } as const,
        { title: 'STATE', group } as const,
      ]),
    ];
    const rows = [['reservations-commands', '0.3 s', 'ok', '–', 'no answer (9.0 s)']];
    expect(renderText({ blocks: [{ kind: 'table', columns, rows }], exit: 0 }, plain)).toMatchInlineSnapshot(`
      "                         us-east (0.4 s ago)  eu
        GROUP                  BEHIND  STATE        BEHIND  STATE
        reservations-commands   0.3 s  ok                –  no answer (9.0 s)
      "
    `);
  });

  it('of a check has the worst first, the promise at the edge, evidence where it is not a pass', () => {
    expect(renderText({ blocks: check, exit: 10 }, plain)).toMatchInlineSnapshot(`
      "✘ redis.slots             5,461 slots without a server
      ? service.ready           no answer from http://127.0.0.1:41873 in 2.0 s: could not tell,
                                which is a long sentence                                 default
      ! postgres.replica.lag    replica az-c is 41 s behind (limit 30 s)          uplift.yaml:77
          SELECT … FROM pg_stat_replication  →  replay 0/5A3C1D8, 268 MB behind, and much more
            that does not fit on one line of a terminal
          uplift explain postgres.replica.lag
      ✔ kafka.topic.durability  all 3 topics as promised

      1 pass · 1 warn · 1 fail · 1 inconclusive.  exit 10
      "
    `);
  });

  it('of a plan shows the line that asks for each change', () => {
    expect(renderText({ blocks: plan, exit: 14 }, plain)).toMatchInlineSnapshot(`
      "local: 2 topics differ from uplift.yaml, 14 equal

      ~ reservations.events                                                       uplift.yaml:31
          replicas          2 → 3      48 replicas to add, 1.9 GiB to copy
      + reservations.events.dlq  24 partitions · RF 3 · min ISR 2 · keep 7d
      ! orders                   refused: Kafka cannot take partitions away. New topic + copy,
                                 or set 12.                                       uplift.yaml:58

        bytes to move  az-a → az-b 0.9 GiB
        losing a zone  now: 24 partitions would stop taking writes

      Plan: 2 to change, 1 refused.  exit 14
      Next: uplift topics apply
            uplift topics plan --out p.json
      "
    `);
  });

  it('without UTF-8 is plain ASCII and still aligned', () => {
    const ascii = renderText(
      { blocks: [...check.slice(0, 1), ...drill], exit: 10 },
      { ...plain, unicode: false, columns: 80 },
    );
    expect(ascii).toMatch(/^[\n\x20-\x7e]*$/);
    expect(ascii).toMatchInlineSnapshot(`
      "x redis.slots             5,461 slots without a server
      ? service.ready           no answer from http://127.0.0.1:41873 in 2.0 s: could
                                not tell, which is a long sentence             default
      ! postgres.replica.lag    replica az-c is 41 s behind (limit 30 s)
                                                                        uplift.yaml:77
          SELECT ... FROM pg_stat_replication  ->  replay 0/5A3C1D8, 268 MB behind,
            and much more that does not fit on one line of a terminal
          uplift explain postgres.replica.lag
      v kafka.topic.durability  all 3 topics as promised

      kafka-broker-loss | region local | sandbox
      Kill the broker that leads most partitions; nothing may be lost.

        acknowledged 8,412    lost 0    duplicates 0    unknown 37    repeated 12

        recovery         measured   target  explained by
        detect              3.0 s           broker.session.timeout.ms 3000
        back inside SLO     4.1 s  <= 30 s

      HELD, restored.  Record 0194c2 (sealed, 214 lines, head 9f2c41...)  exit 10
      Next: uplift drill show 0194c2
      "
    `);
  });

  it('has the same words with colour as without', () => {
    for (const blocks of [drill, check, plan]) {
      const painted = renderText({ blocks, exit: 10 }, { ...plain, color: true });
      expect(painted).not.toBe(stripVTControlCharacters(painted));
      expect(stripVTControlCharacters(painted)).toBe(renderText({ blocks, exit: 10 }, plain));
    }
  });

  it('says the exit code once, also without a verdict or where the verdict names it', () => {
    expect(renderText({ blocks: [], exit: 14 }, plain)).toBe('exit 14\n');
    expect(renderText({ blocks: [], exit: 0 }, plain)).toBe('');
    const named: Block[] = [{ kind: 'verdict', mark: 'bad', text: 'No.  exit 10' }];
    expect(renderText({ blocks: named, exit: 10 }, plain)).toBe('No.  exit 10\n');
  });

  it('shows regions only where there are several', () => {
    const of = (...regions: string[]): string =>
      renderText(
        { blocks: [{ kind: 'findings', findings: regions.map((region) => finding({ region })) }], exit: 0 },
        plain,
      );
    expect(of('a', 'a')).not.toContain('[a]');
    expect(of('a', 'b')).toContain('kafka.topic.durability [b]');
  });

  it('makes escape sequences from a cluster visible instead of obeying them', () => {
    const blocks: Block[] = [{ kind: 'text', text: 'topic \u001b]0;title\u0007 \u202egnp.exe\r\nnext' }];
    expect(renderText({ blocks, exit: 0 }, plain)).toBe('topic \\x1b]0;title\\x07 \\x202egnp.exe\nnext\n');
  });

  it('wraps findings, tables and values within the screen', () => {
    const word = fc.stringMatching(/^[a-z.:-]{1,30}$/);
    const sentence = fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join(' '));
    const status = fc.constantFrom('pass', 'warn', 'fail', 'inconclusive', 'blocked', 'notApplicable');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(word, status, sentence, word)),
        fc.integer({ min: 60, max: 120 }),
        (rows, columns) => {
          const findings = rows.map(([id, one, summary, text]) =>
            finding({
              id,
              status: one,
              summary,
              promise: { source: 'file', text },
              evidence: [{ query: summary, value: summary }],
            }),
          );
          const table = {
            kind: 'table',
            columns: [{ title: 'A' }, { title: 'B' }],
            rows: rows.map(([id, , summary]) => [id, summary]),
          } as const;
          const keyValues = {
            kind: 'keyValues',
            rows: rows.map(([id, , summary]) => [id, summary] as const),
          } as const;
          const text = renderText(
            { blocks: [{ kind: 'findings', findings }, table, keyValues], exit: 0 },
            { ...plain, columns },
          );
          for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});

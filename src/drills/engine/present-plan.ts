import type { Block } from '../../core/blocks.ts';
import { formatMs } from '../../core/units.ts';
import type { Drill, DrillOptions, Prepared } from './drill.ts';
import { RECOVERY_PARTS } from './drill.ts';
import { notMet, tooMany } from './refuse.ts';

/** One step of a plan as people read it. */
export interface PlannedStep {
  readonly describe: string;
  /** False: there is no way back but a later step. */
  readonly undone: boolean;
}

/** What a drill would do: preflight, victim, blast radius, steps with their undo, what the recovery should take. */
export function presentPlan(
  drill: Drill,
  prepared: Prepared,
  plan: { readonly steps: readonly PlannedStep[]; readonly options: DrillOptions },
): Block[] {
  const { options, steps } = plan;
  const refused = notMet(prepared.findings);
  const share = tooMany(prepared, options.limits.maxShare);
  return [
    {
      kind: 'heading',
      text: `${drill.id} · region ${options.region} · ${prepared.target} · ${options.environment}`,
      sub: drill.title,
    },
    { kind: 'keyValues', rows: rowsOf(prepared, options) },
    {
      kind: 'table',
      columns: [{ title: 'STEP', align: 'right' }, { title: 'DOES' }, { title: 'UNDO' }],
      rows: steps.map(({ describe, undone }, at) => [
        String(at + 1),
        describe,
        undone ? 'by itself, newest first' : 'none of its own',
      ]),
    },
    expectedTable(prepared),
    refused.length === 0 && share === undefined
      ? {
          kind: 'verdict',
          text: `READY: ${prepared.findings.length} conditions are met. Nothing was touched.`,
          mark: 'ok',
        }
      : {
          kind: 'verdict',
          text: `REFUSED: ${share ?? 'conditions are not met'}. Nothing was touched.`,
          mark: 'bad',
        },
    { kind: 'next', command: `uplift drill run ${drill.id}` },
  ];
}

function rowsOf(prepared: Prepared, options: DrillOptions): [string, string][] {
  const { limits, ratePerS } = options;
  const { probe, blast, longest } = prepared;
  const { hit, of, what } = blast;
  return [
    ['victim', prepared.victim.text],
    ['blast radius', `${hit} of ${of} ${what}; at most ${Math.round(limits.maxShare * 100)} % are allowed`],
    ...(longest === undefined ? [] : [['takes at most', formatMs(longest.totalMs)] as [string, string]]),
    ['load', `${ratePerS} operations a second through all gateways, under a tenant of their own`],
    ...(probe === undefined
      ? []
      : [
          ['store probe', `${probe.store}: ${probe.durability}; what it wrote is taken away at the end`] as [
            string,
            string,
          ],
        ]),
    [
      'ends at once',
      `when more than ${Math.round(limits.abortErrorRate * 100)} % of the operations fail for ${limits.abortAfterS} s, when something else fails as well, after ${formatMs(limits.maxFaultMs)}, on \`uplift drill stop\`, on Ctrl-C`,
    ],
  ];
}

function expectedTable({ expected }: Prepared): Block {
  const rows = RECOVERY_PARTS.flatMap((part) => {
    const expectation = expected[part];
    if (expectation === undefined) return [];
    const time = expectation.expectedMs === null ? '–' : `about ${formatMs(expectation.expectedMs)}`;
    return [[part === 'slo' ? 'back inside SLO' : part, time, expectation.by]];
  });
  return {
    kind: 'table',
    columns: [{ title: 'RECOVERY' }, { title: 'EXPECTED', align: 'right' }, { title: 'BECAUSE OF' }],
    rows,
  };
}

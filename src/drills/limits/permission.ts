import type { Finding, PromiseOrigin } from '../../core/finding.ts';
import { formatMs, formatSpan } from '../../core/units.ts';
import { finding } from '../engine/conditions.ts';
import type { BudgetAnswer } from './budget.ts';
import { type StopState, whyStopped } from './stop.ts';
import { askWindow, type ChangeWindow, windowText, windowTime } from './window.ts';

/** Whether drills may run at all here and now, whatever the platform looks like. */
export interface Permission {
  /** Every limit that is set, with its answer. `neededMs`: the longest that the drill may take. */
  findings(neededMs: number): Promise<readonly Finding[]>;
  /** Why no drill may go on, as a sentence without its end, or undefined. */
  stopped(): Promise<string | undefined>;
}

/** What decides, from uplift.yaml, and how to look at it. */
export interface Limits {
  readonly environment: { readonly name: string; readonly production: boolean };
  readonly inProduction: boolean;
  /** Why `drills.journalDir` keeps no journal, or undefined; absent: the state folder, which a drill makes itself. */
  readonly journalTrouble?: () => Promise<string | undefined>;
  readonly journalDir: string;
  readonly stop: () => Promise<StopState>;
  readonly window: ChangeWindow | undefined;
  readonly budget: Budget | undefined;
  readonly nowMs: () => number;
  /** Where a value of `drills` was decided. */
  readonly origin: (key: string) => PromiseOrigin;
}

export interface Budget {
  readonly query: string;
  /** 0 … 1. */
  readonly min: number;
  readonly ask: () => Promise<BudgetAnswer>;
}

/** `before`: what can be told before anything is asked of anybody, or anybody is asked. */
export function permissionOf(limits: Limits): Permission & { before(): Promise<readonly Finding[]> } {
  const own = async (neededMs: number): Promise<Finding[]> => [
    ...productionFindings(limits),
    ...(await journalFindings(limits)),
    stopFinding(await limits.stop(), limits.journalDir),
    ...windowFindings(limits, neededMs),
  ];
  return {
    before: () => own(0),
    async findings(neededMs) {
      const [findings, budget] = await Promise.all([own(neededMs), budgetFindings(limits)]);
      return [...findings, ...budget];
    },
    stopped: async () => whyStopped(await limits.stop()),
  };
}

function productionFindings({ environment, inProduction, origin }: Limits): Finding[] {
  if (!environment.production) return [];
  const found = finding(
    'drill.production',
    'drills are switched on for this production environment',
    inProduction ? 'pass' : 'fail',
    inProduction ? 'on' : `${environment.name} is a production environment; drills are off there`,
    'drills.inProduction',
    ...(inProduction ? [] : ['drills: { inProduction: true } in uplift.yaml']),
  );
  return [{ ...found, promise: origin('inProduction') }];
}

async function journalFindings({ journalTrouble, journalDir, origin }: Limits): Promise<Finding[]> {
  if (journalTrouble === undefined) return [];
  const why = await journalTrouble();
  const found = finding(
    'drill.journal',
    'the journal folder keeps what is written there',
    why === undefined ? 'pass' : 'fail',
    why === undefined ? journalDir : `no journal can be kept in ${journalDir}: ${why}`,
    'a file made, synced, linked and taken away',
    ...(why === undefined ? [] : [`ls -ld ${journalDir}`]),
  );
  return [{ ...found, promise: origin('journalDir') }];
}

/** Pure. */
export function stopFinding(state: StopState, journalDir: string): Finding {
  const why = whyStopped(state);
  const next = state.kind === 'unknown' ? `ls -ld ${journalDir}` : 'uplift drill allow';
  return finding(
    'drill.stop',
    'drills are not stopped',
    { allowed: 'pass' as const, stopped: 'fail' as const, unknown: 'inconclusive' as const }[state.kind],
    why ?? 'nobody stopped them',
    `stop switch in ${journalDir}`,
    ...(why === undefined ? [] : [next]),
  );
}

function windowFindings({ window, nowMs, origin }: Limits, neededMs: number): Finding[] {
  if (window === undefined) return [];
  const now = nowMs();
  const answer = askWindow(window, now, neededMs);
  const needed = neededMs === 0 ? '' : ` for the ${formatMs(neededMs)} that the drill may take`;
  const found = finding(
    'drill.window',
    'the change window is open for as long as the drill may take',
    answer.kind === 'open' ? 'pass' : 'fail',
    answer.kind === 'open'
      ? `open${needed} (${windowText(window)})`
      : `${answer.why}; ${opensText(answer.opensMs, now, window.timeZone)}${needed}`,
    `${windowTime(now, window.timeZone)} in ${windowText(window)}`,
  );
  return [{ ...found, promise: origin('window') }];
}

function opensText(opensMs: number | null, nowMs: number, timeZone: string): string {
  if (opensMs === null) return 'it does not open again long enough';
  return `it opens next at ${windowTime(opensMs, timeZone)} (in ${formatSpan(opensMs - nowMs)})`;
}

async function budgetFindings({ budget, origin }: Limits): Promise<Finding[]> {
  if (budget === undefined) return [];
  return [{ ...budgetFinding(await budget.ask(), budget), promise: origin('errorBudget') }];
}

/** Pure: no number is no permission. */
export function budgetFinding(answer: BudgetAnswer, { min, query }: Pick<Budget, 'min' | 'query'>): Finding {
  const title = 'enough of the error budget is left';
  const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
  if (answer.kind === 'noData')
    return finding('drill.errorBudget', title, 'inconclusive', `no data: ${answer.why}`, query);
  const { share } = answer;
  const summary = `${percent(share)} left, at least ${percent(min)} needed`;
  return finding('drill.errorBudget', title, share >= min ? 'pass' : 'fail', summary, query);
}

import type { Live, LivePhase } from '../../core/live.ts';
import { PHASE_BEGUN, PHASE_ENDED, PHASES } from '../../drills/engine/phase.ts';
import type { Journal } from '../../record/journal.ts';
import { STEP } from '../../steps/journal-kinds.ts';

type Append = Pick<Journal, 'append'>;

/** The journal, with those of its lines that say where the drill is told to somebody who watches. */
export function toldJournal(journal: Append, live: Live | undefined): Append {
  if (live === undefined) return journal;
  const steps = new Map<number, string>();
  return {
    async append(kind, body) {
      // Also where the line cannot be written: the phase begins all the same.
      if (kind === PHASE_BEGUN || kind === PHASE_ENDED) {
        const phase = phaseOf(body);
        const state = kind === PHASE_BEGUN ? 'begun' : 'ended';
        if (phase !== undefined) live({ kind: 'phase', phase, state });
      }
      if (kind === STEP.undoIntent) {
        const text = steps.get(Number(field(body, 'intent')));
        if (text !== undefined) live({ kind: 'step', state: 'undoing', text });
      }
      const entry = await journal.append(kind, body);
      if (kind === STEP.intent) {
        const text = String(field(body, 'describe'));
        steps.set(entry.seq, text);
        live({ kind: 'step', state: 'begun', text });
      }
      return entry;
    },
  };
}

function phaseOf(body: unknown): LivePhase | undefined {
  const phase = field(body, 'phase');
  return PHASES.find((name) => name === phase);
}

function field(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
}

import type { Block } from '../../core/blocks.ts';
import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { liftStop, orderText, type StopState, whyStopped } from '../../drills/limits/stop.ts';
import { confirm } from '../shared/confirm.ts';
import { openProject } from '../shared/project.ts';
import type { AllowInput } from './index.ts';
import { stopState } from './stop-state.ts';

/** `uplift drill allow`: takes back every `drill stop`, after saying who had stopped them and why. */
export const allowCommand: Action<AllowInput> = async (deps, { yes }) => {
  const project = await openProject(deps);
  const { journalDir } = project;
  const state = await stopState(project);
  if (state.kind === 'unknown')
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `${sentence(state)} Nothing was changed.`,
      next: `ls -ld ${journalDir}`,
    });
  const orders = state.kind === 'stopped' ? state.orders : [];
  if (state.kind === 'stopped') {
    await confirm(deps, {
      yes,
      environment: project.config.value.environment,
      question: `${sentence(state)} Let them run again?`,
      command: 'uplift drill allow',
    });
    await liftStop(journalDir);
  }
  const verdict: Block = {
    kind: 'verdict',
    text:
      state.kind === 'stopped'
        ? `ALLOWED: drills may run again for whoever uses ${journalDir}.`
        : 'Nobody had stopped the drills.',
    mark: 'ok',
  };
  const rows = orders.map((order) => ['was stopped', orderText(order)] as const);
  return {
    exit: EXIT.ok,
    kind: 'drill.allow',
    data: { journalDir, wasStopped: state.kind === 'stopped', orders },
    blocks: [...(rows.length === 0 ? [] : [{ kind: 'keyValues', rows } as const]), verdict],
  };
};

function sentence(state: StopState): string {
  const why = whyStopped(state) ?? '';
  return `${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
}

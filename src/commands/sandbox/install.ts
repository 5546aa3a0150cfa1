import { UpliftError } from '../../core/error.ts';
import type { Action, Deps } from '../../deps.ts';
import {
  type Doing,
  isSetupFailure,
  loadSetupScripts,
  type SetupScripts,
} from '../../sandbox/setup-scripts.ts';
import { confirm } from '../shared/confirm.ts';
import type { InstallInput } from './index.ts';

/** `uplift sandbox install`: servers, then Kafka's jars; what is there already is left as it is. */
export const installCommand: Action<InstallInput> = async (deps, { yes }) => {
  const scripts = await loadSetupScripts();
  scripts.stopOnSignals();
  const forKafka = !scripts.kafkaIsThere();
  await agree(deps, scripts, { yes, forKafka });
  const servers = await stage(deps, 'servers', (doing) => scripts.systemPackages(doing, { forKafka }));
  const kafka = await stage(deps, 'Kafka', scripts.kafkaJars);
  return {
    exit: 0,
    kind: 'sandbox.install',
    data: { servers, kafka },
    blocks: [
      { kind: 'verdict', mark: 'ok', text: `All that a sandbox needs is here: Kafka ${kafka} · ${servers}.` },
      { kind: 'next', command: 'uplift sandbox up' },
    ],
  };
};

/** System packages are a change of the machine: nobody gets them without having said so. */
async function agree(
  deps: Deps,
  scripts: SetupScripts,
  { yes, forKafka }: { readonly yes: boolean; readonly forKafka: boolean },
): Promise<void> {
  const { missing, installable } = await scripts.missingPackages({ forKafka });
  if (missing.length === 0 || !installable) return;
  await confirm(deps, {
    yes,
    environment: { name: 'this machine', production: false },
    question: `Install ${missing.join(', ')} with apt-get?`,
    command: 'uplift sandbox install',
  });
}

async function stage(deps: Deps, phase: string, work: (doing: Doing) => Promise<string>): Promise<string> {
  try {
    const text = await work((doing) => deps.progress({ phase, state: 'running', text: doing }));
    deps.progress({ phase, state: 'done', text });
    return text;
  } catch (error) {
    deps.progress({ phase, state: 'failed', text: deps.signal.aborted ? 'stopped' : 'failed' });
    // Told to stop: the signal says it all.
    deps.signal.throwIfAborted();
    if (!isSetupFailure(error)) throw error;
    throw new UpliftError('UPL-SANDBOX-INSTALL', {
      message: error.what,
      next: [...error.advice, 'uplift sandbox install'].join('\n'),
    });
  }
}

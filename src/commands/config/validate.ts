import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { openProject } from '../shared/project.ts';

/** Succeeds with a count of what was read; every problem at once otherwise (UPL-CONFIG-INVALID, 78). */
export const validateConfig: Action<Record<never, never>> = async (deps) => {
  const { config } = await openProject(deps);
  const { environment, regions } = config.value;
  const names = regions.map((region) => region.name).join(', ');
  const kind = environment.production ? 'production' : 'not production';
  return {
    exit: EXIT.ok,
    kind: 'config.validate',
    data: { file: config.file, environment, regions: regions.map((region) => region.name) },
    blocks: [
      {
        kind: 'keyValues',
        rows: [
          ['environment', `${environment.name} (${kind})`],
          ['regions', names],
        ],
      },
      { kind: 'verdict', mark: 'ok', text: `${config.file} is valid.` },
    ],
  };
};

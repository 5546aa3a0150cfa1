import { openHttp } from '../../clients/http/index.ts';
import type { Deps } from '../../deps.ts';
import { askBudget, type BudgetAnswer } from '../../drills/limits/budget.ts';
import { journalFolderTrouble } from '../../drills/limits/journal-folder.ts';
import { type Budget, permissionOf } from '../../drills/limits/permission.ts';
import { type Project, secretOf } from '../shared/project.ts';
import { stopState } from './stop-state.ts';

/** What uplift.yaml allows drills, as it is asked and looked at. */
export function permission(
  deps: Pick<Deps, 'env' | 'clock'>,
  project: Project,
): ReturnType<typeof permissionOf> {
  const { config, journalDir } = project;
  const { environment, drills } = config.value;
  return permissionOf({
    environment,
    inProduction: drills.inProduction,
    journalDir,
    ...(drills.journalDir === undefined ? {} : { journalTrouble: () => journalFolderTrouble(journalDir) }),
    stop: () => stopState(project),
    window: drills.window,
    budget: budgetOf(deps, project),
    nowMs: () => deps.clock.nowMs(),
    origin: (key) => config.origin(['drills', key]),
  });
}

const MOST_BYTES = 65_536;

function budgetOf(deps: Pick<Deps, 'env'>, project: Project): Budget | undefined {
  const { errorBudget } = project.config.value.drills;
  if (errorBudget === undefined) return undefined;
  const { url, query, min, token, timeout } = errorBudget;
  const ask = async (): Promise<BudgetAnswer> => {
    const bearer = token === undefined ? undefined : await secretOf(deps, project, token);
    const http = openHttp({ origins: [url], connections: 1, timeoutMs: timeout, maxBodyBytes: MOST_BYTES });
    try {
      return await askBudget(http, { url, query, token: bearer, timeoutMs: timeout });
    } finally {
      await http.close();
    }
  };
  return { query, min, ask };
}

import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { gatherRuns } from '../../drills/report/gather.ts';
import { markdownOf } from '../../drills/report/markdown.ts';
import { reportPage } from '../../drills/report/page.ts';
import { type DrillReport, headline } from '../../drills/report/report.ts';
import { trendOf } from '../../drills/report/trend.ts';
import { foldersOfRuns } from '../shared/project.ts';
import type { ReportInput } from './index.ts';
import { trustedKeys } from './keys.ts';
import { sinceMs } from './since.ts';

const FORMS = { '.md': markdownOf, '.html': reportPage } as const;
type Form = keyof typeof FORMS;

/** `uplift drill report`: what the records prove, as Markdown on stdout, or as the files that `--out` names. */
export const reportCommand: Action<ReportInput> = async (deps, input) => {
  const generatedAtMs = deps.clock.nowMs();
  const since = input.since === undefined ? null : sinceMs(input.since, generatedAtMs);
  const files = input.out === undefined ? [] : filesOf(resolve(deps.cwd, input.out));
  const { journalDir } = await foldersOfRuns(deps);
  const gathered = await gatherRuns(journalDir, await trustedKeys(deps), since);
  const report: DrillReport = { generatedAtMs, sinceMs: since, uplift: deps.version, ...gathered };
  const rows = report.runs.map(({ row }) => row);
  for (const { path, form } of files) await writeWhole(path, FORMS[form](report));
  const paths = files.map(({ path }) => path);
  return {
    exit: EXIT.ok,
    kind: 'drill.report',
    data: { since, files: paths, trend: trendOf(rows), drills: rows },
    blocks: [
      { kind: 'keyValues', rows: paths.map((path) => ['written', path] as const) },
      { kind: 'text', text: headline(rows) },
    ],
    ...(files.length === 0 ? { verbatim: markdownOf(report) } : {}),
  };
};

/** Which files a name stands for: one with an ending that is ours, or both of a name without. Throws UPL-USAGE. */
export function filesOf(out: string): { readonly path: string; readonly form: Form }[] {
  const ending = extname(out);
  if (ending in FORMS) return [{ path: out, form: ending as Form }];
  if (ending === '') return (Object.keys(FORMS) as Form[]).map((form) => ({ path: `${out}${form}`, form }));
  throw new UpliftError('UPL-USAGE', {
    message: `--out ${out}: a report is .md or .html; a name without an ending gives both.`,
  });
}

/** A report is made anew each time, in place of the one before; whoever reads it meanwhile sees one of them whole. */
async function writeWhole(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${randomUUID()}`);
  try {
    await writeFile(draft, text, { flag: 'wx', flush: true });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `The report ${path} cannot be written: ${reasonOf(error)}.`,
      next: `df -h ${dirname(path)}`,
      cause: error,
    });
  }
}

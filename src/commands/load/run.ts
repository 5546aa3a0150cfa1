import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TOPICS } from '../../contract/records.ts';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { newRunId } from '../../core/ids.ts';
import type { Action, Deps } from '../../deps.ts';
import { type Load, type LoadOptions, startLoad } from '../../load/generator.ts';
import { exitOfLoad, presentLoad, statsLine } from '../../load/present.ts';
import type { LoadSummary } from '../../load/tally.ts';
import { durationFlag } from '../shared/duration.ts';
import { openOneRegion, type Region } from '../shared/region.ts';
import type { LoadRunInput } from './index.ts';

/** `uplift load run`: the load of one region's gateways for a while, its history on disk. */
export const loadRun: Action<LoadRunInput> = async (deps, input) => {
  const durationMs = durationFlag('--duration', input.duration);
  const region = await openOneRegion(deps);
  const runId = newRunId();
  const historyPath = resolve(
    deps.cwd,
    input.history ?? join(region.project.stateDir, 'runs', runId, 'history.ndjson'),
  );
  const summary = await runLoad(deps, {
    ...loadOptions(region, input),
    clock: deps.clock,
    runId,
    historyPath,
    durationMs,
  });
  return {
    exit: exitOfLoad(summary),
    kind: 'load.run',
    data: { ...summary, history: historyPath },
    blocks: presentLoad(summary, historyPath),
  };
};

function loadOptions(
  region: Region,
  input: LoadRunInput,
): Pick<LoadOptions, 'gateways' | 'partitions' | 'ratePerS' | 'seed' | 'capacity' | 'mix'> {
  const { service } = region.config;
  if (service === undefined) {
    throw new UpliftError('UPL-CONFIG-INVALID', {
      message: `Region ${region.config.name} names no gateways (${region.project.config.file}: regions.${region.index}.service).`,
    });
  }
  const commands = region.desired.find((topic) => topic.name === TOPICS.commands);
  if (commands === undefined) {
    throw new UpliftError('UPL-CONFIG-INVALID', {
      message: `${region.project.config.file} does not declare ${TOPICS.commands}: its partition count decides where operations go.`,
    });
  }
  return {
    gateways: service.gateways,
    partitions: commands.partitions,
    ratePerS: input.rate,
    seed: input.seed,
    capacity: input.capacity,
    mix: input.mix,
  };
}

async function runLoad(deps: Deps, options: Omit<LoadOptions, 'tenant' | 'observer'>): Promise<LoadSummary> {
  await mkdir(dirname(options.historyPath), { recursive: true }).catch((error: unknown) => {
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `${dirname(options.historyPath)} cannot be made: ${reasonOf(error)}.`,
      cause: error,
    });
  });
  // UUIDv7 begins with its time: the tail is what differs between two runs.
  const tenant = `load-${options.runId.slice(-8)}`;
  const load = await startLoad({
    ...options,
    tenant,
    observer: (stats) => deps.progress({ phase: 'load', state: 'running', text: statsLine(stats) }),
  });
  const summary = await untilEnd(deps, load);
  const state = summary.acknowledged === 0 ? 'failed' : 'done';
  deps.progress({ phase: 'load', state, text: statsLine(load.stats()) });
  return summary;
}

/** A signal ends the schedule early; what is in flight is still waited for, and the history gets its end. */
async function untilEnd(deps: Deps, load: Load): Promise<LoadSummary> {
  const signalled = Promise.withResolvers<void>();
  const onAbort = (): void => signalled.resolve();
  if (deps.signal.aborted) onAbort();
  deps.signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([load.ended, signalled.promise]);
  } catch (error) {
    await load.stop().catch(() => undefined);
    throw error;
  } finally {
    deps.signal.removeEventListener('abort', onAbort);
  }
  return load.stop(deps.signal.aborted ? { drainMs: 3_000 } : {});
}

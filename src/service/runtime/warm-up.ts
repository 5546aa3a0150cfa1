import { reasonOf } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { type Probe, QUESTION_MS } from './probes.ts';

/** Something that the first request would otherwise have to wait for. */
export interface WarmPart {
  readonly name: string;
  /** Uses it once, for real. Answers a remark worth showing, if any; throws while it cannot be used. */
  use(): Promise<string | undefined>;
}

/**
 * The probe `caches`: ok once every part was used once. Only what is cold is asked for, so that a warm process does nothing
 * here, and what goes away later is told by the probe of that dependency.
 */
export function cachesProbe(parts: readonly WarmPart[], timeoutMs = QUESTION_MS): Probe {
  const warm = new Map<string, string>();
  const warmUp = async ({ name, use }: WarmPart): Promise<string | undefined> => {
    try {
      const remark = await withDeadline(name, timeoutMs, use());
      warm.set(name, remark === undefined ? name : `${name} (${remark})`);
      return undefined;
    } catch (error) {
      return `${name} (${reasonOf(error)})`;
    }
  };
  return {
    name: 'caches',
    run: async () => {
      const cold = parts.filter(({ name }) => !warm.has(name));
      const failed = (await Promise.all(cold.map(warmUp))).filter((one) => one !== undefined);
      if (failed.length > 0) throw new Error(`cold: ${failed.join(', ')}`);
      return `warm: ${parts.map(({ name }) => warm.get(name)).join(', ')}`;
    },
  };
}

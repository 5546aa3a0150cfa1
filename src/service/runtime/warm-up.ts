import { reasonOf } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { type Probe, QUESTION_MS } from './probes.ts';

/** Something that the first request would otherwise have to wait for. */
export interface WarmPart {
  readonly name: string;
  /**
   * Uses it once, for real. Answers why it is done without for now, if it can be; it is then tried again each time. Throws
   * while there is neither.
   */
  use(): Promise<string | undefined>;
}

/**
 * The probe `caches`: ok once every part was used once, or was found to be away and can be done without. Only what was not
 * used yet is asked for, so that a warm process does nothing here, and no part makes it cold again: what goes away later
 * is told by the probe of that dependency.
 */
export function cachesProbe(parts: readonly WarmPart[], timeoutMs = QUESTION_MS): Probe {
  const used = new Set<string>();
  const without = new Map<string, string>();
  const warmUp = async ({ name, use }: WarmPart): Promise<string | undefined> => {
    try {
      const reason = await withDeadline(name, timeoutMs, use());
      if (reason === undefined) used.add(name);
      else without.set(name, reason);
      return undefined;
    } catch (error) {
      return without.has(name) ? undefined : `${name} (${reasonOf(error)})`;
    }
  };
  return {
    name: 'caches',
    run: async () => {
      const unused = parts.filter(({ name }) => !used.has(name));
      const cold = (await Promise.all(unused.map(warmUp))).filter((one) => one !== undefined);
      if (cold.length > 0) throw new Error(`cold: ${cold.join(', ')}`);
      const names = parts.map(({ name }) => name);
      const gone = names.filter((name) => !used.has(name)).map((name) => `${name} (${without.get(name)})`);
      const warm = `warm: ${names.filter((name) => used.has(name)).join(', ')}`;
      return gone.length === 0 ? warm : `${warm}; without: ${gone.join(', ')}`;
    },
  };
}

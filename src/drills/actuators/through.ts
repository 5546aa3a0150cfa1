const EXEC = 'exec:';

/**
 * What a step says it acts through, as it is journaled in `units`: the folder of the unit files, or this name of the
 * region's commands. Never a command: what is run stands in uplift.yaml, whatever a journal holds.
 */
export const execName = (region: string): string => `${EXEC}${region}`;

export const isExecName = (units: string): boolean => units.startsWith(EXEC);

/** "SIGKILL broker 2", or of commands "the kill command on broker 2". */
export function strikeText(
  units: string,
  how: { readonly signal: string; readonly act: string },
  what: string,
): string {
  return isExecName(units) ? `the ${how.act} command on ${what}` : `${how.signal} ${what}`;
}

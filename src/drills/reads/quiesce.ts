import type { Read } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { reasonOf } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { readProjected } from '../../facts/projection/progress.ts';
import type { NamedServer } from './gather.ts';
import { lastAsked } from './last-asked.ts';

/**
 * Waits until every server has decided every command that stands in the log, so that the final reads look at the end
 * and not at something on its way. Returns what did not get there, as sentences; throws nothing: what was found until
 * then must not be lost with it.
 */
export async function quiesce(request: {
  readonly read: Read;
  readonly servers: readonly NamedServer[];
  readonly timeoutMs: number;
  readonly deadlineMs: number;
}): Promise<string[]> {
  const { read, servers, timeoutMs, deadlineMs } = request;
  let asked: ReadonlyMap<number, bigint>;
  try {
    asked = await lastAsked(read, await read.bounds([TOPICS.commands], { timeoutMs }), deadlineMs);
  } catch (error) {
    return [`the last commands could not be read, so that nothing was waited for: ${reasonOf(error)}`];
  }
  const waits = servers.map(async ({ name, ask }) => {
    try {
      await waitFor(
        async () => {
          const rows = await readProjected(ask, TOPICS.events, timeoutMs);
          return [...asked].every(([partition, last]) =>
            rows.some((row) => row.partition === partition && row.decidedThrough >= last),
          );
        },
        { what: `${name} through the end of ${TOPICS.commands}`, timeoutMs: deadlineMs, intervalMs: 100 },
      );
      return [];
    } catch (error) {
      return [reasonOf(error)];
    }
  });
  return (await Promise.all(waits)).flat();
}

import { UpliftError } from '../../core/error.ts';
import type { Append } from './produce.ts';

/**
 * An append that is not waited for beyond the life of its process: `graceMs` after the signal what runs and what comes is
 * given up as unknown, in time to be answered and kept for the sweeper before the process has to end.
 */
export function endingAppend(inner: Append, signal: AbortSignal, graceMs: number): Append {
  const waiting = new Set<(reason: Error) => void>();
  let isOver = false;
  const end = (): void => {
    isOver = true;
    for (const giveUp of waiting) giveUp(unknown());
  };
  signal.addEventListener('abort', () => void setTimeout(end, graceMs).unref(), { once: true });
  return {
    async append(topic, partition, record, deadlineMs) {
      if (isOver) throw unknown();
      const { promise, reject } = Promise.withResolvers<never>();
      waiting.add(reject);
      try {
        return await Promise.race([inner.append(topic, partition, record, deadlineMs), promise]);
      } finally {
        waiting.delete(reject);
      }
    },
  };
}

function unknown(): UpliftError {
  return new UpliftError('UPL-KAFKA-PRODUCE', {
    message: 'The process ends before Kafka has answered: the command may be written',
  });
}

import { metadataV12 } from '@platformatic/kafka';
import type { Brokers } from './brokers.ts';
import { reasonInWords } from './failures.ts';
import type { Broker, SilentBroker } from './ports.ts';

/** Asks each broker itself, side by side, for the shortest answer it has; see `Cluster.silent`. */
export async function silentBrokers(
  brokers: Brokers,
  list: readonly Broker[],
  timeoutMs: number,
): Promise<readonly SilentBroker[]> {
  const tryMs = Math.min(timeoutMs, brokers.target.requestTimeoutMs);
  const asked = list.map(async ({ id, host, port }) => {
    const address = `${host}:${port}`;
    try {
      await brokers.link(address).request((to) => metadataV12.api.async(to, [], false), tryMs);
      return undefined;
    } catch (error) {
      return { id, address, reason: reasonInWords(error) };
    }
  });
  return (await Promise.all(asked)).filter((one) => one !== undefined);
}

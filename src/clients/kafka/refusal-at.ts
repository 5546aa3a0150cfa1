import { metadataV12 } from '@platformatic/kafka';
import { isUpliftError, type UpliftError } from '../../core/error.ts';
import { BrokerLink } from './link.ts';
import type { KafkaTarget } from './target.ts';

const ASK_MS = 3000;

/**
 * Connects and logs in once, on a connection of its own: the refusal (UPL-KAFKA-AUTH) if there is one, undefined when the
 * broker lets us in or does not answer. For kafkajs, which wraps refusals and broken lines in the same error.
 */
export async function refusalAt(target: KafkaTarget, address: string): Promise<UpliftError | undefined> {
  const link = new BrokerLink(address, target);
  try {
    await link.request((connection) => metadataV12.api.async(connection, [], false), ASK_MS);
    return undefined;
  } catch (error) {
    return isUpliftError(error, 'UPL-KAFKA-AUTH') ? error : undefined;
  } finally {
    link.close();
  }
}

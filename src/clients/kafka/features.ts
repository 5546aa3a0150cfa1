import { apiVersionsV4 } from '@platformatic/kafka';
import { Brokers } from './brokers.ts';
import type { KafkaTarget } from './target.ts';

/**
 * The level of `metadata.version` that a cluster runs at (ApiVersions v4, finalized features); null where it has none.
 * Kafka's protocol names no version of the broker's software: this level is what tells one release from another.
 */
export async function metadataVersion(
  target: KafkaTarget,
  options: { readonly timeoutMs: number },
): Promise<number | null> {
  const brokers = new Brokers(target);
  try {
    const answer = await brokers.any('ask for the features', options, (to) =>
      apiVersionsV4.api.async(to, 'uplift', '1'),
    );
    const found = answer.finalizedFeatures?.find(({ name }) => name === 'metadata.version');
    return found?.maxVersionLevel ?? null;
  } finally {
    brokers.close();
  }
}

import { dlqOf } from '../contract/dead-letter.ts';
import type { DesiredTopic } from '../topics/section.ts';

/** A topic of dead letters and the topic they came from. */
export interface DlqSource {
  readonly dlq: string;
  /** Where replays go: the declared topic that this one is named after. */
  readonly target: string;
  /** Line of uplift.yaml that declares it; null when only its name says what it is. */
  readonly origin: string | null;
  readonly exists: boolean;
}

/**
 * The dead letter topics of a region: those that uplift.yaml declares (`dlq:` of a topic), and every other topic of the
 * cluster that is named `<declared topic>.dlq`. In the order of uplift.yaml.
 */
export function dlqSources(
  desired: readonly Pick<DesiredTopic, 'name' | 'origin'>[],
  clusterTopics: ReadonlySet<string>,
): DlqSource[] {
  const declared = new Map(desired.map(({ name, origin }) => [name, origin]));
  return desired.flatMap(({ name: target }): DlqSource[] => {
    const dlq = dlqOf(target);
    const exists = clusterTopics.has(dlq);
    const origin = declared.get(dlq) ?? null;
    return origin === null && !exists ? [] : [{ dlq, target, origin, exists }];
  });
}

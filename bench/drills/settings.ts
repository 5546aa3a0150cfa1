import { DEFAULT_BROKER } from '../../test/support/sandbox-brokers.ts';

/** Time-outs that a broker loss is measured with. */
export interface Setting {
  readonly name: string;
  /** Properties of every broker, in place of the sandbox's own. */
  readonly broker: Readonly<Record<string, string>>;
}

const TUNED_BROKER = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'replica.lag.time.max.ms': '5000',
};

/**
 * Defaults: kafka.apache.org/43/configuration (brokers). The service's producer keeps its own settings in both
 * (`src/clients/kafka/producer-settings.ts`): no environment makes it more patient.
 */
export const SETTINGS: readonly Setting[] = [
  { name: 'tuned', broker: TUNED_BROKER },
  { name: 'defaults', broker: DEFAULT_BROKER },
];

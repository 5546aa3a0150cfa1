/** Time-outs that a broker loss is measured with. */
export interface Setting {
  readonly name: string;
  /** Properties of every broker, in place of the sandbox's own. */
  readonly broker: Readonly<Record<string, string>>;
  /** Of one request of the service's producers to a broker. */
  readonly requestTimeoutMs: number;
}

const DEFAULT_BROKER = {
  'broker.session.timeout.ms': '9000',
  'broker.heartbeat.interval.ms': '2000',
  'replica.lag.time.max.ms': '30000',
};
const TUNED_BROKER = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'replica.lag.time.max.ms': '5000',
};

/** Defaults: kafka.apache.org/43/configuration (brokers; `request.timeout.ms` of producers). */
export const SETTINGS: readonly Setting[] = [
  { name: 'tuned', broker: TUNED_BROKER, requestTimeoutMs: 3000 },
  { name: 'defaults of the brokers', broker: DEFAULT_BROKER, requestTimeoutMs: 3000 },
  { name: 'defaults of brokers and producers', broker: DEFAULT_BROKER, requestTimeoutMs: 30_000 },
];

/** Pure: properties with other values; what is not there yet is added. */
export function withProperties(text: string, values: Readonly<Record<string, string>>): string {
  const left = new Map(Object.entries(values));
  const lines = text.split('\n').map((line) => {
    const name = line.split('=')[0] ?? '';
    const value = left.get(name);
    if (value === undefined) return line;
    left.delete(name);
    return `${name}=${value}`;
  });
  return [...lines, ...[...left].map(([name, value]) => `${name}=${value}`), ''].join('\n');
}

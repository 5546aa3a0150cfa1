/** Where a Kafka cluster is and how to log in. Secrets are values here, already read from environment or file. */
export interface KafkaTarget {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** Upper bound of one request, connect included. */
  readonly requestTimeoutMs: number;
}

export interface KafkaTls {
  /** PEM of the CA to trust; absent: the system's. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

export interface KafkaSasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaSasl, KafkaTarget } from '../clients/kafka/target.ts';
import type { SandboxPaths } from './layout.ts';
import { fillTemplate, type PlanContext, type PlannedFile } from './plan-context.ts';

/** Who logs in to the Kafka of a secure sandbox: its clients (uplift and the service) as one user, brokers as another. */
const CLIENT_USER = 'uplift';
const BROKER_USER = 'broker';
const MECHANISM: KafkaSasl['mechanism'] = 'SCRAM-SHA-512';

/** What a client needs beside the addresses; empty where the sandbox is not secure. */
export type KafkaAccess = Pick<KafkaTarget, 'tls' | 'sasl'>;

/** Files in the folder that only the owner may enter. */
export function keyFiles({ kafkaKeys }: Pick<SandboxPaths, 'kafkaKeys'>) {
  return {
    store: join(kafkaKeys, 'broker.p12'),
    storePassword: join(kafkaKeys, 'store.password'),
    /** Arguments of the format tool: on a command line everybody could read them. Removed after the format. */
    scramUsers: join(kafkaKeys, 'scram-users.args'),
  };
}

/** Secrets that have to be there before certificates are made and storage is formatted. */
export function secureFiles({ options, paths, kafkaSecrets }: PlanContext): PlannedFile[] {
  if (!options.secure) return [];
  const { clientPassword, brokerPassword, storePassword } = kafkaSecrets;
  const files = keyFiles(paths);
  const user = (name: string, password: string): string =>
    `--add-scram\n${MECHANISM}=[name=${name},password=${password}]\n`;
  const users = user(CLIENT_USER, clientPassword) + user(BROKER_USER, brokerPassword);
  return [
    { path: paths.kafkaPasswordFile, text: `${clientPassword}\n`, mode: 0o600 },
    { path: files.storePassword, text: `${storePassword}\n`, mode: 0o600 },
    { path: files.scramUsers, text: users, mode: 0o600 },
  ];
}

/** The lines a broker's properties end with; they hold its password, so the file is for its owner only. */
export function secureProperties({ options, paths, kafkaSecrets, templates }: PlanContext): string {
  if (!options.secure) return '';
  return fillTemplate(templates['kafka-secure.properties'], {
    MECHANISM,
    JAAS_PREFIX: MECHANISM.toLowerCase(),
    BROKER_USER,
    BROKER_PASSWORD: kafkaSecrets.brokerPassword,
    KEY_STORE: keyFiles(paths).store,
    STORE_PASSWORD: kafkaSecrets.storePassword,
    CA_FILE: paths.kafkaCaFile,
  });
}

/** `tls` and `sasl` of the region in the sandbox's uplift.yaml: names of files, never what is in them. */
export function secureConfig({ options, paths }: PlanContext): object {
  if (!options.secure) return {};
  const password = { file: paths.kafkaPasswordFile };
  return {
    tls: { ca: paths.kafkaCaFile },
    sasl: { mechanism: MECHANISM, username: CLIENT_USER, password },
  };
}

/** The same for the processes of the service. */
export function secureServiceEnv({ options, paths }: PlanContext): Readonly<Record<string, string>> {
  if (!options.secure) return {};
  return {
    KAFKA_TLS_CA_FILE: paths.kafkaCaFile,
    KAFKA_SASL_MECHANISM: MECHANISM,
    KAFKA_SASL_USERNAME: CLIENT_USER,
    KAFKA_SASL_PASSWORD_FILE: paths.kafkaPasswordFile,
  };
}

/** Reads what a client of this sandbox needs, from the files that `up` left. */
export async function kafkaAccess(paths: SandboxPaths, secure: boolean): Promise<KafkaAccess> {
  if (!secure) return {};
  const [ca, password] = await Promise.all(
    [paths.kafkaCaFile, paths.kafkaPasswordFile].map((file) => readFile(file, 'utf8')),
  );
  return {
    tls: { ca: ca ?? '' },
    sasl: { mechanism: MECHANISM, username: CLIENT_USER, password: (password ?? '').trim() },
  };
}

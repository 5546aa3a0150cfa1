import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { KafkaTarget, KafkaTls } from '../../clients/kafka/target.ts';
import { reasonOf, UpliftError } from '../../core/error.ts';
import type { Deps } from '../../deps.ts';
import { besideConfig, type Project, secretOf } from './project.ts';

/**
 * Where the Kafka of a region is and how to log in, files and secrets read. What cannot be read, or is no PEM, is
 * UPL-CONFIG-INVALID (78) with the line of uplift.yaml that names it.
 */
export async function kafkaTarget(deps: Deps, project: Project, index: number): Promise<KafkaTarget> {
  const { regions, limits } = project.config.value;
  const kafka = regions[index]?.kafka;
  if (kafka === undefined) throw new Error(`there is no regions[${index}]`);
  const target = { brokers: kafka.brokers, clientId: 'uplift', requestTimeoutMs: limits.requestTimeout };
  const { sasl } = kafka;
  return {
    ...target,
    ...(kafka.tls === undefined ? {} : { tls: await tlsOf(project, index, kafka.tls) }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism,
            username: sasl.username,
            password: await secretOf(deps, project, sasl.password),
          },
        }),
  };
}

type Pem = 'ca' | 'cert' | 'key';
type TlsConfig = Readonly<Partial<Record<Pem | 'servername', string | undefined>>>;

async function tlsOf(project: Project, index: number, tls: TlsConfig): Promise<KafkaTls> {
  const read = async (what: Pem): Promise<{ readonly [P in Pem]?: string }> => {
    const file = tls[what];
    return file === undefined ? {} : { [what]: await pemOf(project, index, what, file) };
  };
  const [ca, cert, key] = await Promise.all([read('ca'), read('cert'), read('key')]);
  const { servername } = tls;
  return { ...ca, ...cert, ...key, ...(servername === undefined ? {} : { servername }) };
}

async function pemOf(project: Project, index: number, what: Pem, file: string): Promise<string> {
  const path = besideConfig(project, file);
  const { text: place } = project.config.origin(['regions', index, 'kafka', 'tls', what]);
  const wrong = (why: string, cause: unknown): UpliftError =>
    new UpliftError('UPL-CONFIG-INVALID', {
      message: `${place}  regions[${index}].kafka.tls.${what}: ${path} ${why}.`,
      next: `ls -l ${path}`,
      cause,
    });
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw wrong(absent ? 'does not exist' : `cannot be read: ${reasonOf(error)}`, error);
  });
  try {
    refuseOtherThanPem(what, text);
  } catch (error) {
    throw wrong(what === 'key' ? 'holds no PEM key' : 'holds no PEM certificate', error);
  }
  return text;
}

/** Node takes any text for a CA and then trusts nobody: say it here, where the file is known. The key is not looked into. */
function refuseOtherThanPem(what: Pem, text: string): void {
  if (what !== 'key') new X509Certificate(text);
  else if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw new Error('no PEM private key');
}

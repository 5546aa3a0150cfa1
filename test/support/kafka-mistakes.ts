import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProofSandbox } from './sandbox.ts';

/** A certificate of nobody's: an authority that signed no broker. */
export const OTHER_AUTHORITY = `-----BEGIN CERTIFICATE-----
MIIBYjCCAQmgAwIBAgIJAPm5w7LrgqPlMAoGCCqGSM49BAMCMBwxGjAYBgNVBAMT
EUFub3RoZXIgYXV0aG9yaXR5MCAXDTI2MTEyNjAwMTY0NloYDzIxMjYxMTAyMDAx
NjQ2WjAcMRowGAYDVQQDExFBbm90aGVyIGF1dGhvcml0eTBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABPpixo9FZvKh+flpcHZzd6O0bha2Zfh86aA5O/KdwgIrFUS/
DQE10EUFqP/XEwPLn2w5pkyXlblv57o2GzDM/2ejMjAwMB0GA1UdDgQWBBRQpcdR
BIjKKDx9wNkJKPUxxmoPrDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cA
MEQCIDBMnRoGHZ+sZ615kf6wAvGZGTwKNomLMwC/z5c6XeFRAiBffBmHQO3jvKUu
vb8mpmd670Uu3z8Q/4y21Why0e7ytw==
-----END CERTIFICATE-----
`;

/** What the password file of a mistake holds; it must not be repeated anywhere either. */
export const WRONG_PASSWORD = 'canary-of-a-wrong-password-7f3a';

/** One mistake in `kafka` of uplift.yaml, and the sentence that has to come of it. */
export interface KafkaMistake {
  readonly name: string;
  readonly says: RegExp;
  readonly next: RegExp;
  /** The file cannot be used (78); otherwise it is the cluster that refuses (69, 12, 15). */
  readonly badConfig?: boolean;
  /** Old and new text of uplift.yaml; each old text must be there. */
  readonly change: (paths: MistakePaths) => readonly (readonly [from: string | RegExp, to: string])[];
}

export interface MistakePaths {
  readonly ca: string;
  readonly password: string;
  /** A folder with `other-ca.pem`, `garbage.pem` and `wrong.password`. */
  readonly folder: string;
}

const TLS = / {6}tls:\n {8}ca: .*\n/;
const SASL = / {6}sasl:\n(?: {8}.*\n)+/;

/** Mistakes against a Kafka with TLS and a login. */
export const SECURE_MISTAKES: readonly KafkaMistake[] = [
  {
    name: 'a wrong password',
    says: /^Kafka at 127\.0\.0\.1:\d+ refused the login of "uplift" \(SCRAM-SHA-512\)\.$/,
    next: /kafka\.sasl/,
    change: ({ password, folder }) => [[password, join(folder, 'wrong.password')]],
  },
  {
    name: 'a wrong user',
    says: /^Kafka at 127\.0\.0\.1:\d+ refused the login of "nobody" \(SCRAM-SHA-512\)\.$/,
    next: /kafka\.sasl/,
    change: () => [['username: uplift', 'username: nobody']],
  },
  {
    name: 'a mechanism that is not taken',
    says: /^Kafka at 127\.0\.0\.1:\d+ takes no login by SCRAM-SHA-256; it takes SCRAM-SHA-512\.$/,
    next: /kafka\.sasl\.mechanism/,
    change: () => [['mechanism: SCRAM-SHA-512', 'mechanism: SCRAM-SHA-256']],
  },
  {
    name: 'the CA of somebody else',
    says: /^The certificate of Kafka at 127\.0\.0\.1:\d+ is not trusted \(self-signed certificate in certificate chain\)\.$/,
    next: /kafka\.tls\.ca/,
    change: ({ ca, folder }) => [[ca, join(folder, 'other-ca.pem')]],
  },
  {
    name: 'plaintext spoken to a TLS port',
    says: /^Kafka at 127\.0\.0\.1:\d+ speaks TLS, and no kafka\.tls is configured\.$/,
    next: /kafka\.tls/,
    change: () => [[TLS, '']],
  },
  {
    name: 'no login where one is wanted',
    says: /^Kafka at 127\.0\.0\.1:\d+ wants a login \(SCRAM-SHA-512\), and no kafka\.sasl is configured\.$/,
    next: /kafka\.sasl/,
    change: () => [[SASL, '']],
  },
  {
    name: 'a missing CA file',
    badConfig: true,
    says: /^\S+\.yaml:\d+ {2}regions\[0\]\.kafka\.tls\.ca: \S+no-such\.pem does not exist\.$/,
    next: /^ls -l \S+no-such\.pem$/,
    change: ({ ca, folder }) => [[ca, join(folder, 'no-such.pem')]],
  },
  {
    name: 'a CA file that is no certificate',
    badConfig: true,
    says: /^\S+\.yaml:\d+ {2}regions\[0\]\.kafka\.tls\.ca: \S+garbage\.pem holds no PEM certificate\.$/,
    next: /^ls -l \S+garbage\.pem$/,
    change: ({ ca, folder }) => [[ca, join(folder, 'garbage.pem')]],
  },
  {
    name: 'a missing password file',
    badConfig: true,
    says: /^The secret file \S+no-such\.password cannot be read: /,
    next: /^ls -l \S+no-such\.password$/,
    change: ({ password, folder }) => [[password, join(folder, 'no-such.password')]],
  },
];

/** Mistakes against a plaintext Kafka. */
export const PLAIN_MISTAKES: readonly KafkaMistake[] = [
  {
    name: 'TLS spoken to a plaintext port',
    says: /^Kafka at 127\.0\.0\.1:\d+ speaks plaintext, and kafka\.tls is configured\.$/,
    next: /kafka\.tls/,
    change: ({ folder }) => [[/( {4}kafka:\n)/, `$1      tls: { ca: ${join(folder, 'other-ca.pem')} }\n`]],
  },
  {
    name: 'a login where none is taken',
    says: /^Kafka at 127\.0\.0\.1:\d+ takes no login, and kafka\.sasl is configured\.$/,
    next: /kafka\.sasl/,
    change: ({ folder }) => {
      const password = `{ file: ${join(folder, 'wrong.password')} }`;
      const sasl = `      sasl: { mechanism: PLAIN, username: uplift, password: ${password} }\n`;
      return [[/( {4}kafka:\n)/, `$1${sasl}`]];
    },
  },
];

/** Writes the files that mistakes name into the working folder of the sandbox. */
export async function writeMistakeFiles({ workDir }: ProofSandbox): Promise<void> {
  await writeFile(join(workDir, 'other-ca.pem'), OTHER_AUTHORITY);
  await writeFile(join(workDir, 'garbage.pem'), 'no certificate at all\n');
  await writeFile(join(workDir, 'wrong.password'), `${WRONG_PASSWORD}\n`, { mode: 0o600 });
}

/** The sandbox's own uplift.yaml with this one mistake in it, as a file of its own. */
export async function configWith(sandbox: ProofSandbox, mistake: KafkaMistake): Promise<string> {
  let text = await readFile(sandbox.configFile, 'utf8');
  const paths = {
    ca: join(sandbox.dir, 'kafka-ca.pem'),
    password: join(sandbox.dir, 'kafka.password'),
    folder: sandbox.workDir,
  };
  for (const [from, to] of mistake.change(paths)) {
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`${mistake.name}: uplift.yaml has no ${String(from)}`);
    text = changed;
  }
  const file = `${mistake.name.replaceAll(/[^a-zA-Z]+/g, '-')}.yaml`;
  await writeFile(join(sandbox.workDir, file), text);
  return file;
}

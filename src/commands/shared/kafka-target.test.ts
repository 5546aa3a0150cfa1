import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UpliftError } from '../../core/error.ts';
import { kafkaTarget } from './kafka-target.ts';
import { openProject } from './project.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-kafka-target-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** A self-signed certificate as an authority; only its form counts here. */
const CA = `-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIUbGZ0IGNhIGZvciB0ZXN0cyBvbmx5ADAKBggqhkjOPQQD
-----END CERTIFICATE-----
`;

async function targetOf(kafka: string, files: Readonly<Record<string, string>> = {}) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  await writeFile(
    join(dir, 'uplift.yaml'),
    `version: 1\nenvironment: { name: test }\nregions:\n  - name: local\n    kafka:\n      brokers: ["a:1"]\n${kafka}topics: []\n`,
  );
  const deps = { cwd: dir, env: {}, globals: { output: 'text', debug: false } } as const;
  return kafkaTarget(deps as never, await openProject(deps), 0);
}

async function refusedOf(kafka: string, files: Readonly<Record<string, string>> = {}): Promise<UpliftError> {
  const error = await targetOf(kafka, files).catch((thrown: unknown) => thrown);
  if (!(error instanceof UpliftError)) throw new Error(`not refused: ${String(error)}`);
  return error;
}

const SASL = '      sasl: { mechanism: PLAIN, username: u, password: { file: pw } }\n';

describe('the Kafka of a region', () => {
  test('a missing file of TLS is a bad configuration: line, field, file and what to type', async () => {
    for (const what of ['ca', 'cert', 'key']) {
      const pair = what === 'cert' ? ', key: k.pem' : what === 'key' ? ', cert: c.pem' : '';
      const error = await refusedOf(`      tls: { ${what}: no.pem${pair} }\n`, {
        'k.pem': 'x',
        'c.pem': 'x',
      });
      expect(error).toMatchObject({ code: 'UPL-CONFIG-INVALID', exit: 78 });
    }
    const error = await refusedOf('      tls:\n        ca: no.pem\n');
    expect(error.message).toContain(
      `uplift.yaml:8  regions[0].kafka.tls.ca: ${join(dir, 'no.pem')} does not exist.`,
    );
    expect(error.next).toBe(`ls -l ${join(dir, 'no.pem')}`);
  });

  test('a file that is no PEM is refused before any broker is asked: Node would take it and trust nobody', async () => {
    for (const text of ['', 'garbage', CA]) {
      const error = await refusedOf('      tls: { ca: ca.pem }\n', { 'ca.pem': text });
      expect(error).toMatchObject({ exit: 78, message: expect.stringContaining('holds no PEM certificate') });
    }
  });

  test('a password file that is missing or empty is refused, and one that is there loses its line break only', async () => {
    expect(await refusedOf(SASL)).toMatchObject({ exit: 78, message: expect.stringContaining('pw') });
    expect(await refusedOf(SASL, { pw: '\n' })).toMatchObject({ message: expect.stringContaining('empty') });
    expect((await targetOf(SASL, { pw: ' a b \n' })).sasl).toEqual({
      mechanism: 'PLAIN',
      username: 'u',
      password: ' a b ',
    });
  });
});

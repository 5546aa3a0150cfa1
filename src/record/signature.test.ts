import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { preAuthEncoding } from './dsse.ts';
import { type Entry, hashOf, type SealBody, sealEntry } from './envelope.ts';
import { knownKeys, ownSigningKey, publicKeyOf, type SigningKey, signingKeyOf } from './keys.ts';
import { openJournal, readRecord, resumeJournal } from './open.ts';
import { checkSignature, type SignatureCheck } from './signature.ts';
import type { Signing } from './statement.ts';
import { verifyRecord } from './verify.ts';

const clock = { nowMs: () => 1_763_900_000_000, monoNs: () => 123_456_789_012_345_678n };
const HISTORY = 'a'.repeat(64);

/** PKCS#8 of the secret key of RFC 8032 §7.1, test 1: the same signatures on every run. */
const PEM = pemOf('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
const OTHER_PEM = pemOf('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
const key = signingKeyOf(PEM, 'test key');
const other = signingKeyOf(OTHER_PEM, 'other key');

function pemOf(secretHex: string): string {
  const der = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    Buffer.from(secretHex, 'hex'),
  ]);
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}

const signing = (by: SigningKey = key): Signing => ({
  key: by,
  predicateType: 'urn:uplift:test:v1',
  predicate: { execution: 'completed', who: { user: 'Zoë' } },
  files: [{ name: 'history.ndjson', sha256: HISTORY }],
});

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signature-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function signed(name = 'a', by: SigningKey | null = key): Promise<Buffer> {
  const path = join(folder, `${name}.ndjson`);
  const journal = await openJournal(path, { runId: `run ${name}`, actor: 'test', clock });
  await journal.append('drill.started', { drill: 'kafka-broker-loss', note: name });
  await journal.append('drill.ended', { execution: 'completed' });
  await journal.seal(by === null ? undefined : signing(by));
  return readFile(path);
}

/** As `drill verify` decides: only a sealed record whose signature is known to be good is a proof. */
function stateOf(bytes: Uint8Array, trusted = [key, other]): SignatureCheck['state'] | 'unsealed' | 'broken' {
  const view = verifyRecord(bytes);
  return view.status === 'sealed' ? checkSignature(view, trusted).state : view.status;
}

/** What somebody does who knows the format and has no key: the seal's hash of itself fits again. */
function resealed(bytes: Buffer, change: (seal: Entry, body: SealBody) => Entry): Buffer {
  const lines = bytes.toString().trimEnd().split('\n');
  const seal = JSON.parse(lines.at(-1) ?? '') as Entry;
  const changed = change(seal, seal.body as unknown as SealBody);
  const { dsse } = changed.body as unknown as SealBody;
  lines[lines.length - 1] = canonicalize(sealEntry(changed, dsse)) ?? '';
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

/** The whole chain again over other bodies, with the old signature in its place. */
function rechained(bytes: Buffer, edit: (entries: Entry[]) => Entry[]): Buffer {
  const lines = bytes.toString().trimEnd().split('\n');
  const all = lines.map((line) => JSON.parse(line) as Entry);
  const seal = all.at(-1) as Entry;
  let prev = '0'.repeat(64);
  const out = edit(all.slice(0, -1)).map((entry, seq) => {
    const line = canonicalize({ ...entry, seq, prev }) ?? '';
    prev = hashOf(Buffer.from(line));
    return line;
  });
  const { dsse } = seal.body as unknown as SealBody;
  out.push(canonicalize(sealEntry({ ...seal, seq: out.length, prev }, dsse)) ?? '');
  return Buffer.from(out.map((line) => `${line}\n`).join(''));
}

describe('a signed record', { timeout: 60_000 }, () => {
  it('says who signed it, over which bytes, and which other files', async () => {
    const bytes = await signed();
    const view = verifyRecord(bytes);
    const check = checkSignature(view, [other, key]);
    expect(check).toMatchObject({ state: 'signed', by: { keyId: key.keyId, from: 'test key' } });
    const lines = bytes.toString().split('\n');
    const before = Buffer.from(`${lines.slice(0, -2).join('\n')}\n`);
    expect(check.state === 'signed' && check.statement).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: 'journal.ndjson', digest: { sha256: hashOf(before) } },
        { name: 'history.ndjson', digest: { sha256: HISTORY } },
      ],
      predicateType: 'urn:uplift:test:v1',
      predicate: { who: { user: 'Zoë' }, record: { runId: 'run a', count: 2, head: view.head } },
    });
  });

  it('is checked as the DSSE specification says, by code of our own or anybody else’s', async () => {
    // The example of the specification: PAE("http://example.com/HelloWorld", "hello world").
    expect(preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
    const dsse = verifyRecord(await signed()).seal?.dsse;
    const payload = Buffer.from(dsse?.payload ?? '', 'base64');
    const text = `DSSEv1 28 application/vnd.in-toto+json ${payload.length} ${payload.toString()}`;
    const sig = Buffer.from(dsse?.signatures[0].sig ?? '', 'base64');
    expect(verify(null, Buffer.from(text), createPublicKey(PEM), sig)).toBe(true);
    expect(dsse?.signatures[0].keyid).toBe(
      hashOf(createPublicKey(PEM).export({ type: 'spki', format: 'der' })),
    );
  });

  it('with any one byte changed is found', async () => {
    const bytes = await signed();
    for (let at = 0; at < bytes.length; at += 1) {
      const altered = Uint8Array.from(bytes);
      altered[at] = (altered[at] ?? 0) ^ (1 << (at % 7));
      expect(stateOf(altered), `byte ${at}`).not.toBe('signed');
    }
  });

  it('altered in any way and sealed again without the key is found', async () => {
    const bytes = await signed();
    fc.assert(
      fc.property(
        fc.nat({ max: 1 }),
        fc.constantFrom('wall', 'actor', 'kind', 'runId', 'body', 'monoNs'),
        fc.string({ minLength: 1, maxLength: 6 }),
        (at, field, text) => {
          const altered = rechained(bytes, (entries) =>
            entries.map((entry, n) => {
              if (field === 'runId') return { ...entry, runId: text };
              if (n !== at) return entry;
              return { ...entry, [field]: field === 'monoNs' ? `${entry.monoNs}1` : `${text}!` };
            }),
          );
          expect(['broken', 'unsealed']).toContain(stateOf(altered));
        },
      ),
    );
  });

  it('with a line dropped, swapped, added or doubled and sealed again without the key is found', async () => {
    const bytes = await signed();
    const edits: ((entries: Entry[]) => Entry[])[] = [
      ([, b]) => [b as Entry],
      ([a]) => [a as Entry],
      ([a, b]) => [b as Entry, a as Entry],
      ([a, b]) => [a as Entry, a as Entry, b as Entry],
      ([a, b]) => [a as Entry, b as Entry, { ...(b as Entry), kind: 'more' }],
    ];
    expect(stateOf(rechained(bytes, (entries) => entries))).toBe('signed');
    for (const edit of edits) expect(stateOf(rechained(bytes, edit))).toBe('broken');
  });

  it('with its seal line altered, which no hash but its own covers, is found', async () => {
    const bytes = await signed();
    expect(stateOf(resealed(bytes, (seal) => seal))).toBe('signed');
    const changes: Partial<Entry>[] = [
      { wall: '2020-01-01T00:00:00.000Z' },
      { actor: 'somebody else' },
      { monoNs: '1' },
    ];
    for (const change of changes)
      expect(stateOf(resealed(bytes, (seal) => ({ ...seal, ...change }))), JSON.stringify(change)).toBe(
        'broken',
      );
  });

  it('with its tail cut is not sealed, and with the seal of an unsigned one not signed', async () => {
    const bytes = await signed();
    for (let at = 0; at < bytes.length; at += 1) expect(stateOf(bytes.subarray(0, at))).toBe('unsealed');
    const without = resealed(bytes, (seal, { dsse: _, ...body }) => ({ ...seal, body }));
    expect(stateOf(without)).toBe('unsigned');
  });

  it('with the signature of another record is found, also where the key is not known', async () => {
    const [a, b] = [await signed('a'), await signed('b')];
    const { dsse } = verifyRecord(b).seal as SealBody;
    const mixed = resealed(a, (seal, body) => ({ ...seal, body: { ...body, dsse } as never }));
    expect(stateOf(mixed)).toBe('broken');
    expect(stateOf(mixed, [])).toBe('broken');
  });

  it('signed by another key is told: unknown by its own name, broken under the name of a known one', async () => {
    const bytes = await signed('a', other);
    expect(stateOf(bytes, [key])).toBe('unknownKey');
    const renamed = resealed(bytes, (seal, body) => {
      const [signature] = body.dsse?.signatures ?? [];
      const dsse = { ...body.dsse, signatures: [{ ...signature, keyid: key.keyId }] };
      return { ...seal, body: { ...body, dsse } as never };
    });
    expect(stateOf(renamed)).toBe('broken');
  });

  it('with anything in place of the envelope is broken', async () => {
    const bytes = await signed();
    fc.assert(
      fc.property(fc.jsonValue(), (dsse) => {
        const altered = resealed(bytes, (seal, body) => ({ ...seal, body: { ...body, dsse } as never }));
        expect(stateOf(altered)).toBe('broken');
      }),
    );
  });

  it('goes on being what it was without a signature: sealed, and said to be unsigned', async () => {
    const view = verifyRecord(await signed('a', null));
    expect(view.status).toBe('sealed');
    expect(Object.keys(view.seal ?? {}).toSorted()).toEqual(['count', 'head', 'self']);
    expect(checkSignature(view, [key])).toEqual({ state: 'unsigned' });
  });

  it('can be signed by whoever finishes it after a kill: the bytes before count', async () => {
    const path = join(folder, 'j.ndjson');
    const first = await openJournal(path, { runId: 'r', actor: 'a', clock });
    await first.append('x', 1);
    await first.close();
    await writeFile(path, '{"torn', { flag: 'a' });
    const again = await resumeJournal(path, { actor: 'b', clock });
    await again.append('y', 2);
    await again.seal(signing());
    expect(checkSignature(await readRecord(path), [key]).state).toBe('signed');
    await chmod(path, 0o644);
  });
});

describe('the keys', () => {
  it('are made once, for the owner alone, with the public half beside it', async () => {
    const made = await Promise.all([ownSigningKey(folder), ownSigningKey(folder), ownSigningKey(folder)]);
    expect(new Set(made.map(({ keyId }) => keyId)).size).toBe(1);
    const path = join(folder, 'keys', 'drill-record.key');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700);
    const [known] = await knownKeys(folder);
    expect(known).toMatchObject({
      keyId: made[0]?.keyId,
      from: join(folder, 'keys', 'drill-record.pub'),
    });
    expect((await ownSigningKey(folder)).keyId).toBe(made[0]?.keyId);
  });

  it('of others are known when their public half is put there; what is no key is left out', async () => {
    await ownSigningKey(folder);
    const pem = other.key.export({ type: 'spki', format: 'pem' });
    await writeFile(join(folder, 'keys', 'quarter-3.pub'), pem);
    await writeFile(join(folder, 'keys', 'notes.pub'), 'no key');
    expect((await knownKeys(folder)).map(({ keyId }) => keyId)).toContain(other.keyId);
    expect(await knownKeys(folder)).toHaveLength(2);
    expect(await knownKeys(join(folder, 'none'))).toEqual([]);
  });

  it('that are none, or for something else, are refused without a word of their text', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const pem = String(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    for (const text of ['hunter2', pem])
      expect(() => signingKeyOf(text, 'the key in X')).toThrow(
        expect.objectContaining({
          code: 'UPL-CONFIG-INVALID',
          message: expect.not.stringContaining('hunter2'),
        }),
      );
    expect(() => publicKeyOf('x', 'k.pub')).toThrow(expect.objectContaining({ code: 'UPL-INPUT-INVALID' }));
  });
});

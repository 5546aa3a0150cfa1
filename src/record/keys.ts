import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf, UpliftError } from '../core/error.ts';
import { syncFolder } from './append-file.ts';
import { hashOf } from './envelope.ts';

export interface PublicKey {
  /** SHA-256 (hex) of the key in DER (SubjectPublicKeyInfo): its name in every signature. */
  readonly keyId: string;
  readonly key: KeyObject;
  /** Where it was read, for people. */
  readonly from: string;
}

export interface SigningKey extends PublicKey {
  readonly privateKey: KeyObject;
}

/** Folder of keys in a state folder: the own key, its public half, and public halves of others, by whoever puts them there. */
export const keyFolder = (stateDir: string): string => join(stateDir, 'keys');
const OWN = 'drill-record';
const PUBLIC = '.pub';
const MOST_KEYS = 100;

/** The signing key of a PKCS#8 PEM text. Throws UPL-CONFIG-INVALID; the message never holds the key. */
export function signingKeyOf(pem: string, from: string): SigningKey {
  const privateKey = keyOrRefuse(from, 'a private key in PEM (PKCS#8)', 'UPL-CONFIG-INVALID', () =>
    createPrivateKey(pem),
  );
  return { ...named(createPublicKey(privateKey), from), privateKey };
}

/** The public key of a PEM text (SubjectPublicKeyInfo). Throws UPL-INPUT-INVALID. */
export function publicKeyOf(pem: string, from: string): PublicKey {
  const key = keyOrRefuse(from, 'a public key in PEM', 'UPL-INPUT-INVALID', () => createPublicKey(pem));
  return named(key, from);
}

function keyOrRefuse(
  from: string,
  what: string,
  code: 'UPL-CONFIG-INVALID' | 'UPL-INPUT-INVALID',
  make: () => KeyObject,
): KeyObject {
  let key: KeyObject;
  try {
    key = make();
  } catch {
    // What OpenSSL says is of its decoder, not of the file; and a cause could carry the text.
    throw new UpliftError(code, { message: `${from} is not ${what}.`, next: HOW_TO_MAKE });
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new UpliftError(code, {
    message: `${from} is a key for ${key.asymmetricKeyType ?? 'something else'}; records are signed with Ed25519.`,
    next: HOW_TO_MAKE,
  });
}

const HOW_TO_MAKE = 'openssl genpkey -algorithm ed25519 -out drill-record.key';

function named(key: KeyObject, from: string): PublicKey {
  return { key, keyId: hashOf(key.export({ type: 'spki', format: 'der' })), from };
}

/**
 * The own key of a state folder; made by whoever needs it first (0600, its public half beside it), never replaced.
 * Throws UPL-CANNOT-WRITE, or UPL-CONFIG-INVALID for a file that holds no such key.
 */
export async function ownSigningKey(stateDir: string): Promise<SigningKey> {
  const folder = keyFolder(stateDir);
  const path = join(folder, `${OWN}.key`);
  try {
    const there = await readIfThere(path);
    if (there === undefined) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const made = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
      await putOnce(folder, path, made, 0o600);
    }
    // What stands there counts: of two that make a key at once, one comes too late.
    const key = signingKeyOf(there ?? (await readFile(path, 'utf8')), path);
    const publicPath = join(folder, `${OWN}${PUBLIC}`);
    if ((await readIfThere(publicPath)) === undefined)
      await putOnce(folder, publicPath, key.key.export({ type: 'spki', format: 'pem' }), 0o644);
    return key;
  } catch (error) {
    throw error instanceof UpliftError ? error : cannotKeep(stateDir, error);
  }
}

/** Keeps the public half of a key that comes from elsewhere, so that its records can be checked when it is another's turn. */
export async function rememberKey(stateDir: string, { key, keyId }: PublicKey): Promise<void> {
  const folder = keyFolder(stateDir);
  const path = join(folder, `${keyId.slice(0, 16)}${PUBLIC}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await putOnce(folder, path, key.export({ type: 'spki', format: 'pem' }), 0o644);
  } catch (error) {
    throw cannotKeep(stateDir, error);
  }
}

function cannotKeep(stateDir: string, error: unknown): UpliftError {
  return new UpliftError('UPL-CANNOT-WRITE', {
    message: `The key for records cannot be kept in ${keyFolder(stateDir)}: ${reasonOf(error)}.`,
    next: `df -h ${stateDir}`,
    cause: error,
  });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a file whole or not at all; one that is there already stays. */
async function putOnce(folder: string, path: string, text: string | Buffer, mode: number): Promise<void> {
  const draft = join(folder, `.${randomUUID()}`);
  try {
    await writeFile(draft, text, { mode, flag: 'wx', flush: true });
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await syncFolder(folder);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Every public key (`*.pub`) in the state folder: whose signatures are known here. A file that is no key is left out. */
export async function knownKeys(stateDir: string): Promise<PublicKey[]> {
  const folder = keyFolder(stateDir);
  const names = await readdir(folder).catch(() => [] as string[]);
  const files = names.filter((name) => name.endsWith(PUBLIC)).toSorted();
  const keys = files.slice(0, MOST_KEYS).map(async (name) => {
    const path = join(folder, name);
    const text = await readIfThere(path).catch(() => undefined);
    try {
      return text === undefined ? undefined : publicKeyOf(text, path);
    } catch {
      return undefined;
    }
  });
  return (await Promise.all(keys)).filter((key) => key !== undefined);
}

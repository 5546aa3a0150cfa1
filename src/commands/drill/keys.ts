import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';
import type { Deps } from '../../deps.ts';
import {
  knownKeys,
  ownSigningKey,
  type PublicKey,
  publicKeyOf,
  rememberKey,
  type SigningKey,
  signingKeyOf,
} from '../../record/keys.ts';
import { foldersOfRuns, openProject, type Project, secretOf } from '../shared/project.ts';

type Reads = Pick<Deps, 'env' | 'cwd' | 'globals'>;

/**
 * The key that signs the records of a project: the one that `drills.signingKey` names, or an own one of its state folder.
 * Throws UPL-CONFIG-INVALID (78) or UPL-CANNOT-WRITE (74), before anything is touched.
 */
export async function signingKey(deps: Pick<Deps, 'env'>, project: Project): Promise<SigningKey> {
  const ref = project.config.value.drills.signingKey;
  if (ref === undefined) return ownSigningKey(project.stateDir);
  const key = signingKeyOf(await secretOf(deps, project, ref), 'drills.signingKey');
  await rememberKey(project.stateDir, key);
  return key;
}

/** As `signingKey`; what keeps it away is said in the record instead: putting things back never waits for a key. */
export async function signingKeyOrWhy(
  deps: Pick<Deps, 'env'>,
  project: Project,
): Promise<SigningKey | { readonly unsigned: string }> {
  return signingKey(deps, project).catch((error: unknown) => ({ unsigned: reasonOf(error) }));
}

/**
 * Whose signatures count: the one key that was named, or every one that this project knows (the state folder's and the
 * configured one). Throws UPL-INPUT-INVALID (65) for a named file that holds no public key.
 */
export async function trustedKeys(deps: Reads, named?: string): Promise<PublicKey[]> {
  if (named !== undefined) {
    const path = resolve(deps.cwd, named);
    const pem = await readFile(path, 'utf8').catch((error: unknown) => {
      throw new UpliftError('UPL-INPUT-INVALID', {
        message: `The key ${named} cannot be read: ${reasonOf(error)}.`,
        cause: error,
      });
    });
    return [publicKeyOf(pem, named)];
  }
  const { stateDir } = await foldersOfRuns(deps);
  return [...(await configuredKey(deps)), ...(await knownKeys(stateDir))];
}

/** A record can be read where the secret, or the whole configuration, is not: then the state folder has to know the key. */
async function configuredKey(deps: Reads): Promise<PublicKey[]> {
  try {
    const project = await openProject(deps);
    const ref = project.config.value.drills.signingKey;
    return ref === undefined
      ? []
      : [signingKeyOf(await secretOf(deps, project, ref), 'drills.signingKey of uplift.yaml')];
  } catch (error) {
    if (isUpliftError(error)) return [];
    throw error;
  }
}

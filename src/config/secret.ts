import { reasonOf, UpliftError } from '../core/error.ts';
import type { SecretRef } from './regions.ts';

/**
 * The secret a reference names, from the environment or a file (one trailing line break is cut). Throws
 * UPL-CONFIG-INVALID where it is absent; the message names the variable or file, never a value.
 */
export async function resolveSecret(
  ref: SecretRef,
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => Promise<string>,
): Promise<string> {
  if ('env' in ref) {
    const value = env[ref.env];
    if (value !== undefined && value !== '') return value;
    throw new UpliftError('UPL-CONFIG-INVALID', {
      message: `The secret in the environment variable ${ref.env} is not set.`,
      next: `export ${ref.env}=…`,
    });
  }
  const text = await readFile(ref.file).catch((error: unknown) => {
    throw new UpliftError('UPL-CONFIG-INVALID', {
      message: `The secret file ${ref.file} cannot be read: ${reasonOf(error)}.`,
      next: `ls -l ${ref.file}`,
      cause: error,
    });
  });
  const value = text.replace(/\r?\n$/, '');
  if (value !== '') return value;
  throw new UpliftError('UPL-CONFIG-INVALID', { message: `The secret file ${ref.file} is empty.` });
}

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { z } from 'zod';
import { reasonOf, UpliftError } from '../core/error.ts';

const MOST_TRIED = 99;

/** The name itself, or the first of `name.2.ext`, `name.3.ext`, … that is not taken; the last one tried when all are. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length).replace(/\.\d+$/, '');
  let candidate = name;
  for (let number = 2; number <= MOST_TRIED; number += 1) {
    candidate = `${stem}.${number}${extension}`;
    if (!isTaken(candidate)) break;
  }
  return candidate;
}

/** Reads a saved plan; anything that `parse` does not take is UPL-INPUT-INVALID (65) and says how to make another. */
export async function readPlanFile<T>(request: {
  readonly file: string;
  /** What it should be: "a topics plan of format version 1". */
  readonly what: string;
  readonly next: string;
  readonly parse: (value: unknown) => T;
}): Promise<T> {
  const { file, what, next, parse } = request;
  try {
    return parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new UpliftError('UPL-INPUT-INVALID', { message: `${file} does not exist.`, next, cause: error });
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : reasonOf(error);
    throw new UpliftError('UPL-INPUT-INVALID', {
      message: `${file} is not ${what}: ${reason}`,
      next,
      cause: error,
    });
  }
}

/** Saves a plan; an existing file is never overwritten (UPL-CANNOT-WRITE). `again`: the command that saves it elsewhere. */
export async function writePlanFile(
  file: string,
  text: string,
  again: (free: string) => string,
): Promise<void> {
  try {
    await writeFile(file, `${text}\n`, { flag: 'wx' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
      throw new UpliftError('UPL-CANNOT-WRITE', {
        message: `${file} is there already; a plan is never overwritten.`,
        next: again(freeName(file, existsSync)),
        cause: error,
      });
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `The plan could not be saved as ${file}: ${reasonOf(error)}`,
      cause: error,
    });
  }
}

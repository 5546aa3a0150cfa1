import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { reasonOf, UpliftError } from '../core/error.ts';

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
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : reasonOf(error);
    throw new UpliftError('UPL-INPUT-INVALID', {
      message: `${file} is not ${what}: ${reason}`,
      next,
      cause: error,
    });
  }
}

/** Saves a plan; an existing file is never overwritten (UPL-CANNOT-WRITE). */
export async function writePlanFile(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, `${text}\n`, { flag: 'wx' });
  } catch (error) {
    throw new UpliftError('UPL-CANNOT-WRITE', {
      message: `The plan could not be saved as ${file}: ${reasonOf(error)}`,
      cause: error,
    });
  }
}

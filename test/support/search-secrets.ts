import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** A file that holds a secret, and who else than its owner may open it (0: nobody). */
export interface Holder {
  readonly file: string;
  readonly othersMay: number;
}

/** Every file below a folder that holds one of these secrets, whatever its format. */
export async function holdersOf(secrets: readonly string[], folder: string): Promise<Holder[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const needles = secrets.map((secret) => Buffer.from(secret));
  const found: Holder[] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // Servers are running: a file may be gone by now.
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (!needles.some((needle) => bytes.includes(needle))) continue;
    found.push({ file: relative(folder, path), othersMay: (await stat(path)).mode & 0o077 });
  }
  return found.toSorted((a, b) => (a.file < b.file ? -1 : 1));
}

/** The texts that hold one of these secrets, cut down to what stands around it. */
export function textsHolding(secrets: readonly string[], texts: readonly string[]): string[] {
  return texts.flatMap((text) =>
    secrets.flatMap((secret) => {
      const at = text.indexOf(secret);
      return at < 0 ? [] : [text.slice(Math.max(0, at - 120), at)];
    }),
  );
}

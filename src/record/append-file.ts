import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a journal needs of a file. Tests give one that runs full. */
export interface AppendFile {
  /** Writes all bytes at the end, or throws. */
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves once everything appended is on disk (fdatasync). */
  sync(): Promise<void>;
  /** Cuts the file to a length and syncs it. */
  truncate(bytes: number): Promise<void>;
  /** Read-only for everybody (0444), synced. */
  freeze(): Promise<void>;
  close(): Promise<void>;
}

/** Creates a file that must not exist (O_EXCL) and makes its name durable by syncing the folder. */
export async function createAppendFile(path: string): Promise<AppendFile> {
  const handle = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND,
    0o644,
  );
  try {
    await syncFolder(dirname(path));
  } catch (error) {
    await handle.close();
    throw error;
  }
  return appendFileOf(handle);
}

export async function reopenAppendFile(path: string): Promise<AppendFile> {
  return appendFileOf(await open(path, constants.O_WRONLY | constants.O_APPEND));
}

/** A new name survives a power loss only once its folder is synced (fsync(2)). */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function appendFileOf(handle: FileHandle): AppendFile {
  return {
    append: async (bytes) => {
      let offset = 0;
      while (offset < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset);
        if (bytesWritten === 0) throw new Error('The file took no bytes.');
        offset += bytesWritten;
      }
    },
    sync: () => handle.datasync(),
    truncate: async (bytes) => {
      await handle.truncate(bytes);
      await handle.sync();
    },
    freeze: async () => {
      await handle.chmod(0o444);
      await handle.sync();
    },
    close: () => handle.close(),
  };
}

import { reasonOf } from '../../core/error.ts';
import type { AskPostgres } from '../ask-postgres.ts';

/** What one server said of its software; `reason`: why it could not be seen. */
export interface TargetVersion {
  readonly system: 'kafka' | 'postgres' | 'redis';
  /** "cluster 5L6g3nShT", the name of a server, an address. */
  readonly name: string;
  readonly version: string | null;
  readonly reason?: string;
}

export interface VersionsRequest {
  readonly kafka: () => Promise<{ readonly clusterId: string; readonly metadataVersion: number | null }>;
  readonly postgres: readonly { readonly name: string; readonly ask: AskPostgres }[];
  readonly redis: readonly {
    readonly address: string;
    readonly info: (section: string) => Promise<ReadonlyMap<string, string>>;
  }[];
  readonly timeoutMs: number;
}

/** Asks everything for its version, side by side; a server that is away has none and says why. */
export async function collectVersions(request: VersionsRequest): Promise<TargetVersion[]> {
  const { postgres, redis, timeoutMs } = request;
  return Promise.all([
    request
      .kafka()
      .then(({ clusterId, metadataVersion }): TargetVersion => {
        const version = metadataVersion === null ? null : `metadata.version ${metadataVersion}`;
        return { system: 'kafka', name: `cluster ${clusterId}`, version };
      })
      .catch((error: unknown) => unseen('kafka', 'cluster', error)),
    ...postgres.map(({ name, ask }) =>
      ask
        .query<{ version: string }>("SELECT current_setting('server_version') AS version", [], { timeoutMs })
        .then(({ rows }): TargetVersion => ({ system: 'postgres', name, version: rows[0]?.version ?? null }))
        .catch((error: unknown) => unseen('postgres', name, error)),
    ),
    ...redis.map(({ address, info }) =>
      info('server')
        .then((lines): TargetVersion => {
          return { system: 'redis', name: address, version: lines.get('redis_version') ?? null };
        })
        .catch((error: unknown) => unseen('redis', address, error)),
    ),
  ]);
}

function unseen(system: TargetVersion['system'], name: string, error: unknown): TargetVersion {
  return { system, name, version: null, reason: reasonOf(error) };
}

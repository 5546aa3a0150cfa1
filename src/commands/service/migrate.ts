import { openSql } from '../../clients/postgres/index.ts';
import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { runMigrate } from '../../service/index.ts';

export const migrateService: Action<Record<string, never>> = async (deps) => {
  const migrated = await runMigrate(deps.env, openSql);
  const text =
    migrated.applied.length === 0
      ? `Schema is at version ${migrated.version}; nothing to apply.`
      : `Applied ${migrated.applied.join(', ')}; schema is at version ${migrated.version}.`;
  return { exit: EXIT.ok, kind: 'service.migrate', data: migrated, blocks: [{ kind: 'text', text }] };
};

/** The role that standbys log in as. */
export const REPLICATION_USER = 'replicator';
/** Bootstrap superuser of initdb: promotes, makes slots, is the source of a rewind. */
export const SUPERUSER = 'postgres';

/** Name of a server as an SQL identifier: its replication slot and the application name of its walreceiver. */
export function slotOf(server: string): string {
  return server.replaceAll('-', '_');
}

/** What a Postgres server is now: it leads, with these standbys synchronous, or it follows another one. */
export type PostgresRole =
  | { readonly leads: true; readonly synchronousStandbyNames: string }
  | { readonly leads: false; readonly port: number };

/** The three settings that a role is made of; the names are those of the placeholders in the role file's template. */
export interface RoleSettings {
  readonly CONNINFO: string;
  readonly SLOT: string;
  readonly SYNC: string;
}

/** Pure: the settings of one server in a role. `passFile` (libpq's pgpass) holds the password of the replication user. */
export function roleSettings(server: string, passFile: string, role: PostgresRole): RoleSettings {
  if (role.leads) return { CONNINFO: '', SLOT: '', SYNC: role.synchronousStandbyNames };
  const conninfo = [
    `host=127.0.0.1 port=${role.port} user=${REPLICATION_USER} passfile='${passFile}'`,
    `application_name=${slotOf(server)} connect_timeout=2`,
  ].join(' ');
  return { CONNINFO: conninfo, SLOT: slotOf(server), SYNC: '' };
}

/** A value inside of single quotes in a Postgres configuration file. */
export function inQuotes(value: string): string {
  return value.replaceAll("'", "''");
}

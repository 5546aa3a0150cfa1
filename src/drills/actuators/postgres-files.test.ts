import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roleSettings } from '../../clients/postgres/standby.ts';
import { parseControlData } from './postgres-data.ts';
import { firstUser, passwordIn, withPort, withRole } from './postgres-files.ts';

const ROLE =
  "# ours\nprimary_conninfo = ''\nprimary_slot_name = ''\nsynchronous_standby_names = 'ANY 1 (az_b, az_c)'\nwork_mem = '4MB'\n";

describe('the role file', () => {
  it('changes its three settings and keeps every other line', () => {
    const follows = roleSettings('az-a', '/conf/pg pass', { leads: false, port: 5433 });
    expect(withRole(ROLE, follows)).toBe(
      "# ours\nprimary_conninfo = 'host=127.0.0.1 port=5433 user=replicator passfile=''/conf/pg pass'' application_name=az_a connect_timeout=2'\nprimary_slot_name = 'az_a'\nsynchronous_standby_names = ''\nwork_mem = '4MB'\n",
    );
  });

  it('is the same however often it is written, and after the way there and back', () => {
    const leads = roleSettings('az-a', '/conf/pgpass', {
      leads: true,
      synchronousStandbyNames: 'ANY 1 (az_b, az_c)',
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), fc.boolean(), (port, bare) => {
        const follows = roleSettings('az-a', '/conf/$&/pgpass', { leads: false, port });
        const once = withRole(bare ? '# nothing yet' : ROLE, follows);
        expect(withRole(once, follows)).toBe(once);
        if (!bare) expect(withRole(once, leads)).toBe(ROLE);
      }),
    );
  });
});

describe("the pooler's files", () => {
  const ini =
    '[databases]\nuplift_ro = host=a port=1 dbname=uplift\nuplift = host=127.0.0.1 port=20006 dbname=uplift\n\n[pgbouncer]\nlisten_port = 20006\n';

  it('moves the port of one database only', () => {
    expect(withPort(ini, 'uplift', 20007)).toBe(ini.replace('1 port=20006', '1 port=20007'));
    expect(() => withPort(ini, 'other', 1)).toThrow(/no database other/);
  });

  it('names its administrator, with quotes taken off', () => {
    expect(firstUser('"up""lift" "se cret"\n"b" "c"\n')).toEqual({ user: 'up"lift', password: 'se cret' });
    expect(firstUser('')).toBeUndefined();
  });
});

it('finds the password of one user in a pgpass', () => {
  const text = '*:*:*:replicator:one\n*:*:*:postgres:two:with colon\n';
  expect(passwordIn(text, 'postgres')).toBe('two:with colon');
  expect(passwordIn(text, 'uplift')).toBeUndefined();
});

describe('what the control file says of the last life of a server', () => {
  const text = `pg_control version number:            1300
Database cluster state:               shut down
pg_control last modified:             Thu Nov 26 10:00:00 2026
Latest checkpoint location:           0/3000060
Latest checkpoint's REDO location:    0/3000028
Latest checkpoint's TimeLineID:       2
`;

  it('is its state, its timeline and where it ended', () => {
    expect(parseControlData(text)).toEqual({ state: 'shut down', timeline: 2, checkpoint: '0/3000060' });
  });

  it('is nothing where a line is missing: half an answer proves nothing', () => {
    expect(() => parseControlData(text.replace(/^Latest checkpoint location.*$/m, ''))).toThrow(/location/);
  });
});

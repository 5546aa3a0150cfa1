import { describe, expect, it } from 'vitest';
import { countSockets, establishedWith } from './connections.ts';

// Head and rows as the kernel writes them: a listener, both ends of a connection to 8080, one half closed, one elsewhere.
const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:1F90 0100007F:C002 08 00000000:00000000 00:00000000 00000000     0        0 103 1 0000000000000000 20 4 30 10 -1
   4: 0100007F:C003 0100007F:2384 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0000000000000000 20 4 30 10 -1
`;

describe('connections of the load', () => {
  it('are the established ones with a port of the gateways; a half closed one is not, so a leak of those counts', () => {
    expect([...establishedWith(new Set([8080]), TABLE)]).toEqual(['101', '102']);
    expect([...establishedWith(new Set([5432]), TABLE)]).toEqual([]);
  });

  it('of a broker are the established ones with any port, of IPv6 too, as a JVM opens them', () => {
    const six =
      '   0: 0000000000000000FFFF00000100007F:2384 0000000000000000FFFF00000100007F:C003 01 00000000:00000000 00:00000000 00000000     0        0 105 1 0000000000000000 20 4 30 10 -1';
    expect([...establishedWith('any', `${TABLE}${six}\n`)]).toEqual(['101', '102', '104', '105']);
  });

  it('are counted among the descriptors of a process', () => {
    const links = ['socket:[101]', '/dev/null', 'socket:[104]', 'anon_inode:[eventpoll]', 'pipe:[101]'];
    expect(countSockets(links, establishedWith(new Set([8080]), TABLE))).toBe(1);
  });
});

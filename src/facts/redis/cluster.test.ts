import { describe, expect, it } from 'vitest';
import { parseView } from './cluster.ts';

const info = new Map([
  ['cluster_state', 'ok'],
  ['cluster_slots_ok', '16384'],
]);

describe('a Redis node’s view of its cluster', () => {
  it('counts slots, names roles, masters and troubles, and leaves migrating slots out', () => {
    const view = parseView(info, [
      'aa 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-5460 5462 [5461->-bb]',
      'bb 127.0.0.1:7002@17002 master,fail? - 0 0 2 disconnected',
      'cc 127.0.0.1:7003@17003,host slave aa 0 0 1 connected',
    ]);
    expect(view).toMatchObject({ state: 'ok', slotsOk: 16_384 });
    expect(view.nodes).toEqual([
      {
        id: 'aa',
        address: '127.0.0.1:7001',
        role: 'master',
        masterId: null,
        troubles: [],
        linked: true,
        slots: 5462,
        ranges: ['0-5460', '5462'],
        epoch: 1,
        self: true,
      },
      {
        id: 'bb',
        address: '127.0.0.1:7002',
        role: 'master',
        masterId: null,
        troubles: ['fail?'],
        linked: false,
        slots: 0,
        ranges: [],
        epoch: 2,
        self: false,
      },
      {
        id: 'cc',
        address: '127.0.0.1:7003',
        role: 'replica',
        masterId: 'aa',
        troubles: [],
        linked: true,
        slots: 0,
        ranges: [],
        epoch: 1,
        self: false,
      },
    ]);
  });

  it('says nothing good of an empty answer', () => {
    expect(parseView(new Map(), [])).toEqual({ state: '', slotsOk: 0, nodes: [] });
  });
});

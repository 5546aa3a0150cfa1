import { describe, expect, it } from 'vitest';
import { parseRole } from './parse.ts';
import { slotOf } from './slot.ts';

describe('the answer of ROLE', () => {
  it('is that of a master or of a replica', () => {
    expect(parseRole(['master', 42, [['127.0.0.1', '7002', '42']]])).toEqual({ role: 'master', offset: 42 });
    expect(parseRole(['slave', '127.0.0.1', 7001, 'connected', 41])).toEqual({
      role: 'replica',
      master: '127.0.0.1:7001',
      link: 'connected',
      offset: 41,
    });
  });

  it('is refused when it is anything else', () => {
    expect(() => parseRole(['sentinel', []])).toThrow('ROLE answered sentinel');
    expect(() => parseRole(undefined)).toThrow(TypeError);
  });
});

describe('the slot of a key', () => {
  it('is that of the cluster specification', () => {
    expect(slotOf('123456789')).toBe(0x31c3);
    expect(slotOf('foo')).toBe(12_182);
    expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'));
    expect(slotOf('foo{}{bar}')).not.toBe(slotOf('bar'));
    expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
  });
});

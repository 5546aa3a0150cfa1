import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { resourceList, tenantList } from './lists.ts';

const scopes = fc.array(fc.string(), { minLength: 1, maxLength: 4 });
const positions = fc.array(fc.string(), { maxLength: 3 });

describe('a cursor', () => {
  test('goes on where it was made, and in no other list', () => {
    fc.assert(
      fc.property(scopes, scopes, positions, (scope, other, position) => {
        const cursor = encodeCursor(scope, position);
        expect(cursor).toMatch(/^[\w-]+$/);
        expect(decodeCursor(scope, cursor)).toEqual(position);
        if (JSON.stringify(scope) !== JSON.stringify(other))
          expect(decodeCursor(other, cursor)).toBeUndefined();
      }),
    );
  });

  test('that is damaged is none', () => {
    fc.assert(
      fc.property(
        scopes,
        positions,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (scope, position, at, mask) => {
          const bytes = Buffer.from(encodeCursor(scope, position), 'base64url');
          const i = at % bytes.length;
          bytes[i] = (bytes[i] ?? 0) ^ mask;
          const decoded = decodeCursor(scope, bytes.toString('base64url'));
          // A byte that is no UTF-8 reads like the character it was replaced by: then nothing is damaged.
          if (decoded !== undefined) expect(decoded).toEqual(position);
        },
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => decodeCursor(['t'], text) === undefined));
  });

  test('whose sum is right and whose position is not one of the list is refused: sums are no secret', () => {
    const scope = ['acme', 'tenant'];
    for (const position of [[], [''], ["x' OR true"], ['a', 'b'], ['A'.repeat(65)]])
      expect(tenantList('acme', { cursor: encodeCursor(scope, position) })).toBeUndefined();
    expect(tenantList('acme', { cursor: encodeCursor(scope, ['a-b']) })).toBeDefined();
    const query = { from: '2026-01-01T00:00:00Z', to: '2027-01-01T00:00:00Z' };
    const of = ['acme', 'resource', 'r', query.from, query.to];
    for (const start of ['2026-02-30T00:00:00.000000Z', 'infinity', '0000-01-01T00:00:00.000000Z', ''])
      expect(resourceList('acme', 'r', { ...query, cursor: encodeCursor(of, [start, 'a']) })).toBeUndefined();
    const cursor = encodeCursor(of, ['2026-02-28T00:00:00.000001Z', 'a']);
    expect(resourceList('acme', 'r', { ...query, cursor })).toBeDefined();
    expect(resourceList('acme', 'r', { from: query.from, cursor })).toBeUndefined();
    expect(resourceList('other', 'r', { ...query, cursor })).toBeUndefined();
  });
});

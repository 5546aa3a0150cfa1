import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filled, oneLine, passedOn, redacted } from './exec-command.ts';

const FILLING = { id: '2', host: 'h', port: '9092', name: 'b-2' };

describe('filling in', () => {
  it('changes whole arguments only, and never their number', () => {
    const some = fc.oneof(
      fc.constantFrom('{id}', '{host}', '{port}', '{name}', '{ids}', 'x{id}'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(some), (argv) => {
        const out = filled(argv, FILLING);
        expect(out).toHaveLength(argv.length);
        for (const [at, text] of argv.entries()) {
          const [, key] = /^\{(id|host|port|name)\}$/.exec(text) ?? [];
          expect(out[at]).toBe(key === undefined ? text : FILLING[key as keyof typeof FILLING]);
        }
      }),
    );
  });

  it('refuses what is not known, and what would be read as an option', () => {
    expect(() => filled(['{name}'], { id: '2' })).toThrow('uplift.yaml says no {name} for 2');
    expect(() => filled(['{host}'], { id: '2', host: '-oProxyCommand=sh' })).toThrow('begins with a dash');
  });
});

describe('secrets', () => {
  const secret = fc.stringMatching(/^[a-z0-9]{4,12}$/);

  it('never stand in what is shown, however they overlap', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(secret, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(3)),
        (values, order) => {
          const text = order.map((at) => values[at % values.length]).join('');
          const shown = redacted(
            text,
            values.map((value, at) => [`NAME_${at}`.toUpperCase(), value] as const),
          );
          for (const value of values) expect(shown).not.toContain(value);
        },
      ),
    );
  });

  it('are not shown by half either, wherever the beginning of a text was cut off', () => {
    fc.assert(
      fc.property(secret, fc.nat(40), fc.string(), (value, cut, after) => {
        const secrets = [['NAME', value]] as const;
        const text = value.repeat(5).slice(Math.min(cut, 4 * value.length)) + after;
        const shown = redacted(text, secrets, true);
        expect(shown.slice(0, 5)).toBe('$NAME');
      }),
    );
    expect(redacted('\ufffdret, then more', [['NAME', 'Ă-secret']], true)).toBe('$NAME, then more');
  });

  it('a long one with several lines is found by each of them', () => {
    expect(redacted('read: line-two!', [['KEY', 'line-one\nline-two\n']])).toBe('read: $KEY!');
  });

  it('only those that were named are passed on', () => {
    const env = { PATH: '/bin', HOME: '/root', TOKEN: 't', OTHER: 'o' };
    expect(passedOn(['TOKEN'], env)).toEqual({
      env: { PATH: '/bin', HOME: '/root', TOKEN: 't' },
      secrets: [['TOKEN', 't']],
    });
    expect(() => passedOn(['TOKEN'], { TOKEN: '' })).toThrow(
      'TOKEN, which uplift.yaml passes on, is not set',
    );
  });
});

it('one line holds nothing that a terminal would act on', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/\p{Cc}/u.test(oneLine(text))));
});

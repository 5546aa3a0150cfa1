import { describe, expect, it } from 'vitest';
import { authFailure, listAddresses, reasonInWords, unreachable } from './failures.ts';
import type { KafkaTarget } from './target.ts';

const target: KafkaTarget = {
  brokers: ['127.0.0.1:19092', '127.0.0.1:19093', '127.0.0.1:19094'],
  clientId: 'c',
  requestTimeoutMs: 1000,
  sasl: { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'secret-word' },
};
const coded = (code: string, message = code): Error => Object.assign(new Error(message), { code });

describe('failures of Kafka in words', () => {
  it('reads like docs/errors.md promises', () => {
    const last = new Error('outer', { cause: new AggregateError([coded('ECONNREFUSED')], '') });
    const error = unreachable({ addresses: target.brokers, tries: 3, tookMs: 5000, last });
    expect(error.message).toBe(
      'Cannot reach Kafka at 127.0.0.1:19092, :19093, :19094 (connection refused, 3 tries in 5.0 s).',
    );
    expect(error.next).toBe('If this is the sandbox: uplift sandbox status');
  });

  it('writes a host once only where it repeats', () => {
    expect(listAddresses(['a:1', 'b:2', 'b:3', 'a:4'])).toBe('a:1, b:2, :3, a:4');
  });

  it('calls a refused login and an untrusted certificate by their names, and never shows the password', () => {
    const login = authFailure(target, 'a:1', new Error('x', { cause: coded('PLT_KFK_AUTHENTICATION') }));
    expect(login).toMatchObject({
      code: 'UPL-KAFKA-AUTH',
      message: 'Kafka at a:1 refused the login of "alice" (SCRAM-SHA-512).',
    });
    const trust = authFailure(
      target,
      'a:1',
      coded('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
    );
    expect(trust?.message).toContain('is not trusted (self-signed certificate');
    expect(`${login?.message}${trust?.message}`).not.toContain('secret-word');
    expect(authFailure(target, 'a:1', coded('ECONNREFUSED'))).toBeUndefined();
  });

  it('finds a reason in a cycle of causes without hanging', () => {
    const a = new Error('a');
    a.cause = new Error('b', { cause: a });
    expect(reasonInWords(a)).toBe('b');
  });
});

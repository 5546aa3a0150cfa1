import { describe, expect, it } from 'vitest';
import { hungUp, listAddresses, reasonInWords, unreachable } from './failures.ts';
import { authFailure } from './refusals.ts';
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

  it('tells a refused login from a line that broke during one, however deep the client wraps them', () => {
    const wrapped = (cause: Error): Error =>
      Object.assign(
        new Error('Connection to a:1 failed.', {
          cause: Object.assign(new Error('SASL authentication failed.', { cause }), {
            code: 'PLT_KFK_AUTHENTICATION',
          }),
        }),
        { code: 'PLT_KFK_NETWORK' },
      );
    const answer = (apiId: string, mechanisms: string[] = []): Error =>
      Object.assign(new AggregateError([Object.assign(new Error(apiId), { apiId })], 'x'), {
        response: { mechanisms },
      });
    const told = (cause: Error): string | undefined => authFailure(target, 'a:1', wrapped(cause))?.message;
    expect(told(answer('SASL_AUTHENTICATION_FAILED'))).toContain('refused the login of "alice"');
    expect(told(answer('UNSUPPORTED_SASL_MECHANISM', ['PLAIN', 'SCRAM-SHA-256']))).toBe(
      'Kafka at a:1 takes no login by SCRAM-SHA-512; it takes PLAIN, SCRAM-SHA-256.',
    );
    expect(told(answer('ILLEGAL_SASL_STATE'))).toContain('takes no login, and kafka.sasl is configured');
    expect(told(coded('PLT_KFK_NETWORK', 'Connection closed'))).toBeUndefined();
    expect(told(coded('ECONNRESET'))).toBeUndefined();
    expect(told(coded('PLT_KFK_TIMEOUT'))).toBeUndefined();
  });

  it('takes for hanging up only what the other side did, not its silence or absence', () => {
    expect(hungUp(new Error('x', { cause: coded('ECONNRESET') }))).toBe(true);
    expect(hungUp(coded('PLT_KFK_NETWORK', 'Connection closed'))).toBe(true);
    expect(hungUp(coded('ERR_SSL_WRONG_VERSION_NUMBER'))).toBe(true);
    expect(hungUp(coded('ECONNREFUSED'))).toBe(false);
    expect(hungUp(coded('PLT_KFK_TIMEOUT'))).toBe(false);
    expect(hungUp(new Error('something else'))).toBe(false);
  });

  it('finds a reason in a cycle of causes without hanging', () => {
    const a = new Error('a');
    a.cause = new Error('b', { cause: a });
    expect(reasonInWords(a)).toBe('b');
  });
});

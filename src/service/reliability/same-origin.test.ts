import { describe, expect, test } from 'vitest';
import { isOwnPage, namesUs } from './same-origin.ts';

describe('the name a request asks for', () => {
  test('is ours when it is an address, localhost, or a name we were told', () => {
    for (const host of ['127.0.0.1:8083', '[::1]:8083', '10.0.0.7', 'localhost:1', 'ops.example'])
      expect(namesUs(host, ['ops.example'])).toBe(true);
  });

  test('is not ours when it is any other name: a page of somebody else may have made it point here', () => {
    for (const host of [
      'evil.example:8083',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '',
      undefined,
      'a b',
    ])
      expect(namesUs(host, ['ops.example'])).toBe(false);
  });
});

describe('a request is of our own page', () => {
  const host = '127.0.0.1:8083';

  test('when no browser sent it, or one says that it is', () => {
    expect(isOwnPage({ host, origin: undefined, site: undefined })).toBe(true);
    expect(isOwnPage({ host, origin: `http://${host}`, site: 'same-origin' })).toBe(true);
    expect(isOwnPage({ host, origin: undefined, site: 'none' })).toBe(true);
    expect(isOwnPage({ host: 'Ops.example', origin: 'https://ops.example', site: undefined })).toBe(true);
  });

  test('not when it comes from another site, port or page without an origin', () => {
    expect(isOwnPage({ host, origin: 'http://127.0.0.1:9999', site: 'same-site' })).toBe(false);
    expect(isOwnPage({ host, origin: 'http://127.0.0.1:9999', site: undefined })).toBe(false);
    expect(isOwnPage({ host, origin: 'null', site: undefined })).toBe(false);
    expect(isOwnPage({ host, origin: undefined, site: 'cross-site' })).toBe(false);
  });
});

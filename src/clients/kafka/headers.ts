import { UpliftError } from '../../core/error.ts';
import type { Header } from './ports.ts';

/** How kafkajs takes headers: one object, repeated keys as an array. */
export type KafkaJsHeaders = Record<string, Buffer | Buffer[]>;

/**
 * Turns ordered headers into the object kafkajs wants, or throws UPL-KAFKA-HEADERS when that object would not come out
 * of the wire as exactly the same list: null values, keys that are not UTF-8, keys that JavaScript reorders (it puts
 * integer-like ones first), repeats that do not stand side by side.
 */
export function toKafkaJsHeaders(headers: readonly Header[]): KafkaJsHeaders {
  // Without a prototype, so that a header named __proto__ is a header.
  const object: KafkaJsHeaders = Object.create(null);
  for (const [key, value] of headers) {
    const name = key.toString('utf8');
    if (!Buffer.from(name, 'utf8').equals(key))
      throw refused(`the key 0x${key.toString('hex')} is not UTF-8`);
    if (value === null) throw refused(`"${name}" has a null value`);
    const before = object[name];
    if (before === undefined) object[name] = value;
    else object[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  const written = Object.entries(object).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => ({ name, one })),
  );
  const moved = written.find(
    ({ name, one }, at) => headers[at]?.[1] !== one || headers[at][0].toString('utf8') !== name,
  );
  if (moved !== undefined) throw refused(`"${moved.name}" would change its place in the list`);
  return object;
}

function refused(why: string): UpliftError {
  return new UpliftError('UPL-KAFKA-HEADERS', {
    message: `These record headers cannot be carried unchanged: ${why}.`,
  });
}

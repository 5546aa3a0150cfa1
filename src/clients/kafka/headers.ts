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
    if (!Buffer.from(name, 'utf8').equals(key)) throw refused(`the key 0x${key.toString('hex')} is not UTF-8`);
    if (value === null) throw refused(`"${name}" has a null value`);
    const before = object[name];
    if (before === undefined) object[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else object[name] = [before, value];
  }
  let position = 0;
  for (const [name, value] of Object.entries(object)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      const [key, wanted] = headers[position] ?? [];
      if (key?.toString('utf8') !== name || wanted !== one) throw refused(`"${name}" would change its place in the list`);
      position += 1;
    }
  }
  return object;
}

function refused(why: string): UpliftError {
  return new UpliftError('UPL-KAFKA-HEADERS', { message: `These record headers cannot be carried unchanged: ${why}.` });
}

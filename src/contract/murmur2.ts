const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** Murmur2, 32 bits, as org.apache.kafka.common.utils.Utils.murmur2: the hash Java clients partition by. Signed result. */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  let h = SEED ^ length;
  const words = length >> 2;
  const view = new DataView(data.buffer, data.byteOffset, length);
  for (let i = 0; i < words; i += 1) {
    let k = Math.imul(view.getInt32(i * 4, true), M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  h = mixTail(h, data, words * 4);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

function mixTail(hash: number, data: Uint8Array, from: number): number {
  const rest = data.length - from;
  if (rest === 0) return hash;
  let h = hash;
  for (let i = rest - 1; i >= 0; i -= 1) h ^= (data[from + i] ?? 0) << (8 * i);
  return Math.imul(h, M);
}

/**
 * Consistency token: where in the commands topic an operation stands. A projection that has decided through that
 * offset shows its effect. The topic id makes a token of a deleted and re-made topic recognisable (S10).
 */
export interface Token {
  readonly region: string;
  readonly topicId: string;
  readonly partition: number;
  readonly commandOffset: bigint;
}

/** A JSON array ["v1", region, topic id, partition, offset], base64url, as it goes over HTTP. */
export function encodeToken(token: Token): string {
  const text = JSON.stringify([
    'v1',
    token.region,
    token.topicId,
    token.partition,
    token.commandOffset.toString(),
  ]);
  return Buffer.from(text, 'utf8').toString('base64url');
}

/** The token, or undefined for anything that is not one. */
export function decodeToken(text: string): Token | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (!Array.isArray(parsed) || parsed.length !== 5) return undefined;
    const [version, region, topicId, partition, offset]: unknown[] = parsed;
    if (version !== 'v1' || typeof region !== 'string' || typeof topicId !== 'string') return undefined;
    if (!Number.isInteger(partition) || typeof offset !== 'string' || !/^\d{1,19}$/.test(offset))
      return undefined;
    return { region, topicId, partition: partition as number, commandOffset: BigInt(offset) };
  } catch {
    return undefined;
  }
}

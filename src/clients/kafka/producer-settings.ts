/** Time settings of the safe producer; who reports a recovery time sets it beside them. */
export const PRODUCER_SETTINGS = { metadataMaxAgeMs: 1000, requestTimeoutMs: 3000 } as const;

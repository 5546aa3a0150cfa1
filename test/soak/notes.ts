/** What a reader must know to judge the figures of a soak. */
export const NOTES: readonly string[] = [];

/** JSON values: everything that is journaled, fingerprinted or sent between processes. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Every effect on somebody's system: data that can be journaled and resumed by another process. */
export interface Step<K extends string = string, A extends Json = Json> {
  readonly kind: K;
  /** Version of the argument shape; a registry refuses versions it does not know. */
  readonly version: number;
  readonly args: A;
}

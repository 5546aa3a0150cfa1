import type { Finding } from './finding.ts';

/**
 * What a use-case result looks like before anybody decides text or JSON. Capabilities turn their result into blocks
 * (`present.ts`); `src/output` renders blocks and never decides an exit code.
 */
export type Block =
  | { readonly kind: 'heading'; readonly text: string; readonly sub?: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'keyValues'; readonly rows: readonly (readonly [key: string, value: string])[] }
  | { readonly kind: 'counts'; readonly items: readonly (readonly [label: string, value: number])[] }
  | {
      readonly kind: 'table';
      readonly columns: readonly Column[];
      readonly rows: readonly (readonly string[])[];
    }
  | { readonly kind: 'findings'; readonly findings: readonly Finding[] }
  | { readonly kind: 'diff'; readonly entries: readonly DiffEntry[] }
  | { readonly kind: 'verdict'; readonly text: string; readonly mark: Mark }
  | { readonly kind: 'next'; readonly command: string };

export type Mark = 'ok' | 'bad' | 'warn' | 'unknown';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Written once above all neighbouring columns with the same group. */
  readonly group?: string;
}

/** One changed thing: `+` to create, `~` to change, `!` refused, `=` equal. */
export interface DiffEntry {
  readonly sign: '+' | '~' | '!' | '=';
  readonly name: string;
  readonly detail: string;
  readonly origin?: string;
  readonly lines?: readonly string[];
}

/** A progress line: one per phase in a pipe, rewritten in place on a terminal. Goes to stderr. */
export interface ProgressEvent {
  readonly phase: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly text: string;
}

export type Progress = (event: ProgressEvent) => void;

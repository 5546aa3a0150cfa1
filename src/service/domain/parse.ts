import { type Command, commandSchema } from '../../contract/records.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The command, or why it is none. The reason is deterministic: it names fields and rules, never engine messages. */
export function parseCommand(value: Uint8Array | null): Command | string {
  if (value === null) return 'no value';
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(value));
  } catch {
    return 'not JSON in UTF-8';
  }
  const parsed = commandSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return issue === undefined
    ? 'not a command'
    : `not a command: ${issue.path.join('.') || 'value'}: ${issue.code}`;
}

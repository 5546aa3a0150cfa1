/** The value that a text holds, or undefined where it is no JSON: whoever checks its shape refuses that, too. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

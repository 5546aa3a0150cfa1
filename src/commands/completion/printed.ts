/** What a function prints with console.log, as text: the completion library has no other way to answer. */
export function printed(work: () => void): string {
  const { console } = globalThis;
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  try {
    work();
  } finally {
    console.log = log;
  }
  return lines.map((line) => `${line}\n`).join('');
}

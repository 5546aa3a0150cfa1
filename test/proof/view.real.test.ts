import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AtTerminal, startAtTerminal } from '../support/pty.ts';
import { root } from '../support/source-tree.ts';

function start(how: string): AtTerminal {
  const command = [process.execPath, join(root, 'test/support/view-process.ts'), how];
  return startAtTerminal(command, { cwd: root, env: {}, timeoutMs: 60_000 });
}

test.each([
  ['is closed', 'closes', 0, 'the result'],
  ['is left by an exception', 'throws', 1, 'Error: a bug'],
  ['is left by process.exit', 'exits', 3, 'somebody prints'],
])(
  'a terminal is as it was after a view that %s, with its lines and what others printed',
  async (_, how, code, last) => {
    const at = start(how);
    await at.sees(/^✔ preflight {3}34 checks pass/m, 45_000);
    await at.sees(/^> baseline/m, 5000);
    expect(at.screen.isCursorShown).toBe(false);
    at.type('q');
    expect(await at.ended).toBe(code);
    const left = at.screen.lines().join('\n');
    expect(left).toContain('  preflight: 34 checks pass\nsomebody prints');
    expect(left).toContain(last);
    expect(left).not.toMatch(/^> |Ctrl-C or q/m);
    expect(at.isAsBefore()).toBe(true);
  },
  90_000,
);

test('Ctrl-C comes from a terminal in raw mode too', async () => {
  const at = start('closes');
  await at.sees(/^> baseline/m, 45_000);
  at.type('\u0003');
  expect(await at.ended).toBe(0);
  expect(at.screen.lines().join('\n')).toContain('the result');
}, 90_000);

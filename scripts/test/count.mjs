/** The sum over all stages. */
export function addUp(results) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const key of Object.keys(total)) total[key] = results.reduce((sum, result) => sum + result[key], 0);
  return total;
}

/** A line for each stage, then the one line that scripts read. */
export function summary(results) {
  const lines = results.map(({ name, ms, note, ...counts }) => {
    const cut = note === 'not run' || note === 'interrupted';
    const mark = counts.failed > 0 ? 'FAIL' : cut ? 'stop' : 'pass';
    return `  ${mark}  ${name.padEnd(12)} ${words(counts).padEnd(36)} ${(ms / 1000).toFixed(1).padStart(6)} s${note === undefined ? '' : `  ${note}`}`;
  });
  return `${lines.join('\n')}\n\n${words(addUp(results))}`;
}

const words = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

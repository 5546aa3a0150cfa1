const UNICODE = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const ASCII = [' ', '.', ':', '-', '=', '+', '*', '#', '@'] as const;

/** Pure: one letter a value, of nine heights up to `full`. Nothing at all is a blank, however little more is not. */
export function spark(values: readonly number[], full: number, unicode: boolean): string {
  const letters = unicode ? UNICODE : ASCII;
  const highest = letters.length - 1;
  const heightOf = (value: number): number => {
    if (!(value > 0)) return 0;
    const share = full > 0 ? value / full : 1;
    return Math.min(highest, Math.max(1, Math.round(share * highest)));
  };
  return values.map((value) => letters[heightOf(value)] ?? ' ').join('');
}

import { PassThrough, Writable } from 'node:stream';

const ESC = '\u001b';
const SEQUENCE = new RegExp(`${ESC}\\[(\\??)([\\d;]*)([A-Za-z])|[\\r\\n]|[^${ESC}\\r\\n]+`, 'gu');

/** A terminal that replays what is written to it: its lines are what somebody would see, with what has scrolled away above. */
export class FakeTerminal extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** Everything that was written, escapes included. */
  written = '';
  isCursorShown = true;
  /** Answers every write with this error instead. */
  broken: Error | undefined;
  #lines: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(columns = 80, rows = 24) {
    super({ decodeStrings: false });
    this.columns = columns;
    this.rows = rows;
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.broken !== undefined) {
      done(this.broken);
      return;
    }
    this.written += chunk;
    for (const [all, isPrivate, numbers = '', letter = ''] of chunk.matchAll(SEQUENCE)) {
      if (letter !== '') this.#control(isPrivate === '?', numbers, letter);
      else if (all === '\r') this.#column = 0;
      else if (all === '\n') this.#down();
      else this.#print(all);
    }
    done();
  }

  /** As a person sees them, trailing blanks left out. */
  lines(): string[] {
    const seen = this.#lines.map((line) => line.trimEnd());
    while (seen.at(-1) === '') seen.pop();
    return seen;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.emit('resize');
  }

  #print(text: string): void {
    const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
    const letters = [...line];
    letters.splice(this.#column, [...text].length, ...text);
    this.#lines[this.#row] = letters.join('');
    this.#column += [...text].length;
  }

  /** A terminal in raw mode goes to the first column as well (ONLCR stays). */
  #down(): void {
    this.#row += 1;
    this.#column = 0;
    this.#lines[this.#row] ??= '';
  }

  #control(isPrivate: boolean, numbers: string, letter: string): void {
    const count = Number(numbers === '' ? 1 : numbers);
    if (isPrivate) {
      if (numbers === '25') this.isCursorShown = letter === 'h';
    } else if (letter === 'A') this.#row = Math.max(0, this.#row - count);
    else if (letter === 'E') {
      for (let at = 0; at < count; at += 1) this.#down();
    } else if (letter === 'H') {
      const [row = '1', column = '1'] = numbers.split(';');
      this.#row = Math.max(0, this.#lines.length - this.rows) + Number(row) - 1;
      this.#column = Number(column) - 1;
    } else if (letter === 'G') this.#column = count - 1;
    else if (letter === 'K') this.#erase(numbers);
    else if (letter === 'J') {
      this.#erase('0');
      this.#lines.splice(this.#row + 1);
    } else if (letter !== 'm') throw new Error(`what is ESC [ ${numbers}${letter}?`);
  }

  #erase(how: string): void {
    const line = [...(this.#lines[this.#row] ?? '')];
    this.#lines[this.#row] = how === '2' ? '' : line.slice(0, this.#column).join('');
  }
}

/** A keyboard. */
export class FakeKeyboard extends PassThrough {
  readonly isTTY = true;
  isRaw = false;

  setRawMode(isRaw: boolean): this {
    this.isRaw = isRaw;
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

type Stream = NodeJS.WritableStream;
type Write = Stream['write'];
type WriteDone = (error?: Error | null) => void;

export interface HeldOutput {
  /** The stream as it was: what writes to it reaches the terminal. */
  readonly terminal: <S extends Stream>(stream: S) => S;
  /** Lets others write again; answers what they had wanted to say meanwhile. Once. */
  readonly release: () => string;
}

/** More than anybody reads; the first of it is what matters. */
const HELD_LETTERS = 64 * 1024;

/**
 * While a view rewrites its lines nobody else may print: their text would stand in the middle of it. It is kept and told to
 * `onText`. Node prints its warnings past every stream, so these are kept as well.
 */
export function holdOutput(streams: readonly Stream[], onText: (text: string) => void): HeldOutput {
  let held = '';
  let released = false;
  const keep = (text: string): void => {
    held = (held + text).slice(0, HELD_LETTERS);
    onText(text);
  };
  const unique = [...new Set(streams)];
  const originals = unique.map((stream) => ({
    stream,
    own: Object.hasOwn(stream, 'write'),
    write: stream.write,
  }));
  for (const { stream } of originals) stream.write = heldWrite(keep);
  const warnings = process.listeners('warning');
  const onWarning = (warning: Error): void => keep(`${warning.name}: ${warning.message}\n`);
  process.removeAllListeners('warning');
  process.on('warning', onWarning);
  return {
    terminal: (stream) => withWrite(stream, originals.find((one) => one.stream === stream)?.write),
    release() {
      if (released) return '';
      released = true;
      for (const { stream, own, write } of originals) {
        if (own) stream.write = write;
        else Reflect.deleteProperty(stream, 'write');
      }
      process.off('warning', onWarning);
      for (const listener of warnings) process.on('warning', listener);
      return held;
    },
  };
}

function heldWrite(keep: (text: string) => void): Write {
  return (chunk: string | Uint8Array, encoding?: BufferEncoding | WriteDone, done?: WriteDone): boolean => {
    keep(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
    const after = typeof encoding === 'function' ? encoding : done;
    if (after !== undefined) queueMicrotask(() => after());
    return true;
  };
}

/** The same stream with another `write`: sizes, events and all else are those of the real one. */
function withWrite<S extends Stream>(stream: S, write: Write | undefined): S {
  if (write === undefined) return stream;
  return new Proxy(stream, {
    get(target, key) {
      if (key === 'write') return write.bind(target);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const guarded = new WeakSet<NodeJS.EventEmitter>();

/** A terminal that was closed answers with errors (EIO, EPIPE) to who reads and writes: they end no drill. Once per stream. */
export function guardStream(stream: NodeJS.EventEmitter): void {
  if (guarded.has(stream)) return;
  guarded.add(stream);
  stream.on('error', () => undefined);
}

/** What a reader must know to judge the figures of a soak: state that grows by design, and what was done about it. */
export const NOTES: readonly string[] = [
  'A commands process remembers the first decision of each event id for 600 s of log time (0.6 KB each), so its heap ' +
    'grows in the first ten minutes of a load and then stays. Nothing was shortened: the limit is met with it.',
  'Redis keeps each idempotency claim for 24 h, which is a promise of the API: about 0.35 KB an operation on a master and ' +
    'on its replica. The rate is chosen so that this stays below the limit; from some 150 operations a second on it would not.',
  'Memory of Postgres is counted without its shared block. That has a fixed size (`shared_buffers`, 32 MB), and the ' +
    'kernel counts for each process what of it this one has touched so far.',
  'The JVMs of the brokers start with the heap they otherwise reach under load (128 MB), touched at the start. The ' +
    'processes of the service and of the load run with `--max-old-space-size=512 --max-semi-space-size=4`: without a ' +
    'limit V8 lets garbage grow for ten minutes and more before it collects.',
  'A first soak, without sizes of heaps, saw commands processes grow by more than 10 MB a minute. Most of it was garbage ' +
    'not collected yet; 51 MB after eight minutes were 2,000 decisions a partition, kept to be compared with what stands ' +
    'in the log, as buffers that kept alive the blocks they were cut from. Digests of them are kept now.',
];

import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

const mended = Symbol.for('uplift.kafkajs.idle');

/**
 * kafkajs 2.2.4 re-arms a timer for ever on every connection that has answered once: after each answer it plans a look
 * at its queue of waiting requests even when that queue is empty, and as the delay it computes is hugely negative, Node
 * fires it after 1 ms (tulios/kafkajs #1751). That is idle CPU for nothing, and Node 24 prints TimeoutNegativeWarning.
 * The mend: an empty queue needs no look; `push` plans one as soon as something waits. Done once per process.
 */
export function mendKafkaJsIdleTimer(): void {
  const prototype = RequestQueue.prototype as typeof RequestQueue.prototype & { [mended]?: true };
  if (prototype[mended] === true) return;
  const original = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function schedule(): void {
    if (this.pending.length > 0) original.call(this);
  };
  prototype[mended] = true;
}

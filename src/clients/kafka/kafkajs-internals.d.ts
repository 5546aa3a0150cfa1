/** The one internal module of kafkajs that `kafkajs-idle.ts` mends; the package ships no types for it. */
declare module 'kafkajs/src/network/requestQueue/index.js' {
  interface RequestQueue {
    pending: unknown[];
    throttledUntil: number;
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    scheduleCheckPendingRequests(): void;
    checkPendingRequests(): void;
    destroy(): void;
  }
  const RequestQueue: { new (options: object): RequestQueue; prototype: RequestQueue };
  // biome-ignore lint/style/noDefaultExport: describes a CommonJS module of somebody else.
  export default RequestQueue;
}

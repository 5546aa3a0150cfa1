import type { OpenSpan, Recorder, SpanAttributes, SpanPlan } from '../spans.ts';

/** A span that was begun, and how it ended. */
export interface MemorySpan {
  readonly plan: SpanPlan;
  readonly traceId: string;
  readonly spanId: string;
  ended: boolean;
  attributes: SpanAttributes;
  error: string | undefined;
}

/** Keeps spans in an array, in the order they began. */
export class MemoryRecorder implements Recorder {
  readonly spans: MemorySpan[] = [];

  start(plan: SpanPlan): OpenSpan {
    const number = String(this.spans.length + 1);
    const traceId = plan.parent?.traceId ?? plan.traceId ?? number.padStart(32, 'f');
    const spanId = number.padStart(16, 'a');
    const span: MemorySpan = {
      plan,
      traceId,
      spanId,
      ended: false,
      attributes: plan.attributes,
      error: undefined,
    };
    this.spans.push(span);
    return {
      context: { traceId, spanId, sampled: true },
      end: (attributes, error) => {
        span.ended = true;
        span.attributes = { ...span.attributes, ...attributes };
        span.error = error;
      },
    };
  }

  /** Name, status of ending and name of the parent of each span. */
  tree(): string[] {
    const nameOf = (id: string | undefined): string =>
      this.spans.find(({ spanId }) => spanId === id)?.plan.name ?? id ?? 'nothing';
    return this.spans.map(({ plan, ended, error }) => {
      const end = ended ? (error ?? 'ended') : 'open';
      return `${plan.name} below ${nameOf(plan.parent?.spanId)}: ${end}`;
    });
  }
}

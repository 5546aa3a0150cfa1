import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { bytesOf, type Field, fieldsOf } from './wire.ts';

/** A span as it arrived. */
export interface SeenSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentId: string;
  /** 2 server, 4 producer, 5 consumer (opentelemetry.proto.trace.v1.Span.SpanKind). */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** 2: failed. */
  readonly status: number;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface TestCollector {
  readonly endpoint: string;
  readonly spans: readonly SeenSpan[];
  /** Export calls that came, answered or not. */
  readonly calls: number;
  close(): Promise<void>;
}

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** An OTLP/gRPC collector that keeps what it gets; with `silent` it takes calls and never answers one. */
export async function startCollector({ silent = false } = {}): Promise<TestCollector> {
  const spans: SeenSpan[] = [];
  const sessions = new Set<ServerHttp2Session>();
  let calls = 0;
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      calls += 1;
      if (silent) return;
      if (headers[':path'] !== EXPORT) return answer(stream, '12');
      // A message of gRPC: one byte says whether it is compressed, four how long it is.
      spans.push(...spansOf(Buffer.concat(chunks).subarray(5)));
      answer(stream, '0');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans,
    get calls() {
      return calls;
    },
    close: () => {
      for (const session of sessions) session.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(stream: ServerHttp2Stream, status: string): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
  stream.end(Buffer.alloc(5));
}

/** The spans of an ExportTraceServiceRequest. */
export function spansOf(request: Buffer): SeenSpan[] {
  return bytesOf(request, 1).flatMap((resourceSpans) => {
    const resource = bytesOf(resourceSpans, 1).map((each) => attributesOf(each, 1))[0] ?? {};
    const found = bytesOf(resourceSpans, 2).flatMap((scopeSpans) => bytesOf(scopeSpans, 2));
    return found.map((span) => spanOf(span, String(resource['service.name'])));
  });
}

function spanOf(message: Buffer, service: string): SeenSpan {
  const fields = fieldsOf(message);
  const bytes = (number: number): Buffer => bytesOf(message, number)[0] ?? Buffer.alloc(0);
  return {
    service,
    name: bytes(5).toString('utf8'),
    traceId: bytes(1).toString('hex'),
    spanId: bytes(2).toString('hex'),
    parentId: bytes(4).toString('hex'),
    kind: Number(numberOf(fields, 6)),
    startNs: numberOf(fields, 7),
    endNs: numberOf(fields, 8),
    status: Number(numberOf(fieldsOf(bytes(15)), 3)),
    attributes: attributesOf(message, 9),
  };
}

function numberOf(fields: readonly Field[], number: number): bigint {
  const value = fields.find((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? value : 0n;
}

/** KeyValue messages of this number: texts and integers. */
function attributesOf(message: Buffer, number: number): Record<string, string | number> {
  const pairs = bytesOf(message, number).map((pair) => {
    const key = bytesOf(pair, 1)[0]?.toString('utf8') ?? '';
    const value = bytesOf(pair, 2)[0] ?? Buffer.alloc(0);
    const text = bytesOf(value, 1)[0];
    return [key, text?.toString('utf8') ?? Number(numberOf(fieldsOf(value), 3))] as const;
  });
  return Object.fromEntries(pairs);
}

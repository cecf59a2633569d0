/**
 * The seam between the local cloud's HTTP front and the services behind it. The front reads a request's SigV4 scope and
 * target and hands the request to one service; the service answers in its own wire protocol.
 * Invariant: a service never trusts a request: what AWS would refuse is refused here with AWS's error code.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import type { DefaultLimits } from './default-limits.ts';

/** How a request is encoded, and so how its answer and its errors must be. */
export type WireProtocol = 'json' | 'cbor' | 'query' | 'ec2' | 'rest-json' | 'rest-xml';

export type LocalRequest = {
  /** Signing name in the credential scope: dynamodb, kinesis, s3, kinesisvideo, ecs, autoscaling, ec2, monitoring, events, scheduler, sts. Empty when unsigned. */
  scope: string;
  /** Operation from `X-Amz-Target` (part after the last dot), the smithy RPC path or the Query `Action`; empty for REST. */
  operation: string;
  method: string;
  /** Decoded path without query. */
  path: string;
  query: URLSearchParams;
  message: IncomingMessage;
  /** The id that the answer already carries in its headers. */
  requestId: string;
  /** Derived from the request's headers; errors thrown as AwsError (local/http/aws-error.ts) are rendered in it. */
  protocol: WireProtocol;
  /**
   * The body as it arrives, with `aws-chunked` framing and gzip removed; for bodies too large or too endless for
   * `body()`. Use one of the two.
   */
  content(): Readable;
  /** Reads the whole body once, up to `limitBytes` (default 16 MiB); later calls return the same buffer. */
  body(limitBytes?: number): Promise<Buffer>;
};

/** What a service keeps of what it was sent, so that whoever sees memory grow can tell which store it is. */
export type HeldStore = {
  store: string;
  items: number;
  /** An estimate of what it takes, the objects around the content included. */
  bytes: number;
  /** What ends its growth, in words. */
  bound: string;
};

export type LocalService = {
  /** Signing names that this service answers to. */
  readonly scopes: readonly string[];
  handle(request: LocalRequest, response: ServerResponse): Promise<void>;
  /** Left out by services that keep only what they were told to make. */
  held?(): HeldStore[] | Promise<HeldStore[]>;
  close(): Promise<void>;
};

/** An event on the local EventBridge bus, in AWS's envelope. */
export type LocalEvent = {
  version: '0';
  id: string;
  'detail-type': string;
  source: string;
  account: string;
  time: string;
  region: string;
  resources: string[];
  detail: Record<string, unknown>;
};

/** What every service of the local cloud gets. */
export type CloudContext = {
  clock: Clock;
  region: string;
  accountId: string;
  /** Base URL of the front, e.g. `http://127.0.0.1:4566`; known once it listens. */
  endpoint(): string;
  /** Folder for this service's state, or null to keep all in memory. */
  dataFolder: string | null;
  /** Puts an event on the default bus; delivery is asynchronous and at least once. */
  emit(event: Pick<LocalEvent, 'source' | 'detail-type' | 'detail'> & { resources?: string[] }): void;
  /** Records a CloudWatch datapoint as AWS services do for themselves. */
  putMetric(namespace: string, metricName: string, dimensions: Record<string, string>, value: number): void;
  faults: Faults;
  /** AWS's default limits per second, where this cloud enforces them. */
  limits?: DefaultLimits;
};

/** Faults that tests and `npm start` may inject; every service asks before it answers. */
export class Faults {
  readonly #rules: { match: (call: FaultCall) => boolean; fault: Fault; remaining: number }[] = [];

  /** @param times how many matching calls fail; Infinity until cleared. @returns a function that removes the rule. */
  inject(match: (call: FaultCall) => boolean, fault: Fault, times = Number.POSITIVE_INFINITY): () => void {
    const rule = { match, fault, remaining: times };
    this.#rules.push(rule);
    return () => {
      const index = this.#rules.indexOf(rule);
      if (index >= 0) this.#rules.splice(index, 1);
    };
  }

  /** @returns the fault for this call, using it up once; null when the call may go on. */
  take(call: FaultCall): Fault | null {
    for (const rule of this.#rules) {
      if (rule.remaining > 0 && rule.match(call)) {
        rule.remaining -= 1;
        return rule.fault;
      }
    }
    return null;
  }
}

/** `caller`: the access key id that signed the call; empty when nobody did. */
export type FaultCall = { service: string; operation: string; resource: string; caller: string };
/** `network`: what a broken route does instead of an error answer: the connection is reset, or nobody ever answers. */
export type Fault = { status: number; code: string; message: string; network?: 'reset' | 'silent' };

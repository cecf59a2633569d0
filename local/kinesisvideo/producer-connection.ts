/**
 * One PutMedia upload as a camera makes it: a chunked HTTP request that lasts, acknowledgements read while it goes on.
 * Invariant: what waits in memory for a slow service is bounded; beyond it `send` refuses and the caller drops frames.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import type { Acknowledgement } from './fragment-ingest.ts';

/** Some seconds of a 1080p camera. */
const UNSENT_BYTES_MAX = 8 * 1024 * 1024;
/** An acknowledgement is a line of about 150 characters. */
const LINE_LENGTH_MAX = 4096;
/** How long to wait for the last acknowledgements after the upload's end. */
const FAREWELL_MS = 2000;

export type ConnectionOptions = {
  endpoint: string;
  region: string;
  streamName: string;
  accessKeyId: string;
  clock: Clock;
  onAcknowledgement: (ack: Acknowledgement) => void;
  /** Once, with what ended the connection; null when it ended because `finish` was called. */
  onClosed: (reason: string | null) => void;
};

export class ProducerConnection {
  readonly #request: ClientRequest;
  readonly #onAcknowledgement: (ack: Acknowledgement) => void;
  readonly #clock: Clock;
  readonly #closed: Promise<void>;
  #isFinished = false;
  #isOpen = true;
  #reason = 'the connection was closed';

  constructor(options: ConnectionOptions) {
    this.#onAcknowledgement = options.onAcknowledgement;
    this.#clock = options.clock;
    const url = new URL('/putMedia', options.endpoint);
    this.#request = httpRequest(url, { method: 'POST', agent: false, headers: signedHeaders(options, url) });
    this.#request.setNoDelay(true);
    this.#request.on('error', (error) => {
      this.#reason = error.message;
    });
    this.#request.on('response', (response) => this.#readResponse(response));
    this.#closed = new Promise((resolve) => {
      this.#request.once('close', () => {
        this.#isOpen = false;
        options.onClosed(this.#isFinished ? null : this.#reason);
        resolve();
      });
    });
    this.#request.flushHeaders();
  }

  /** @returns false when the bytes were not taken: the connection is gone, or too much waits for the service already. */
  send(bytes: Uint8Array): boolean {
    if (!this.#isOpen || this.#isFinished || this.#request.destroyed) return false;
    if (this.#request.writableLength > UNSENT_BYTES_MAX) return false;
    this.#request.write(bytes);
    return true;
  }

  /** Ends the upload, so that its last fragment counts as whole; resolves when the service has answered. */
  async finish(): Promise<void> {
    this.#isFinished = true;
    this.#request.end();
    const cancel = this.#clock.setTimer(FAREWELL_MS, () => this.#request.destroy());
    await this.#closed;
    cancel();
  }

  #readResponse(response: IncomingMessage): void {
    if (response.statusCode !== 200) this.#reason = `PutMedia answered ${response.statusCode}`;
    let line = '';
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      line += text;
      for (let end = line.indexOf('\n'); end >= 0; end = line.indexOf('\n')) {
        this.#readLine(line.slice(0, end));
        line = line.slice(end + 1);
      }
      if (line.length > LINE_LENGTH_MAX) line = '';
    });
    response.on('error', () => {});
    // The service answers to the end only when it wants no more: after an error, or after our own end.
    response.on('end', () => this.#request.destroy());
  }

  #readLine(line: string): void {
    try {
      const ack = JSON.parse(line) as Acknowledgement;
      if (typeof ack.EventType !== 'string') return;
      if (ack.EventType === 'ERROR') this.#reason = `PutMedia error ${ack.ErrorId} ${ack.ErrorCode}`;
      this.#onAcknowledgement(ack);
    } catch {
      // The body of an HTTP error; its status is the reason already.
    }
  }
}

/** The headers of a signed request. The local cloud routes by their credential scope and verifies no signature. */
function signedHeaders(options: ConnectionOptions, url: URL): Record<string, string> {
  const amzDate = `${new Date(options.clock.nowMs()).toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`;
  const scope = `${amzDate.slice(0, 8)}/${options.region}/kinesisvideo/aws4_request`;
  const signed = 'host;x-amz-date;x-amzn-fragment-timecode-type;x-amzn-stream-name';
  return {
    host: url.host,
    'transfer-encoding': 'chunked',
    'x-amz-date': amzDate,
    'x-amzn-stream-name': options.streamName,
    'x-amzn-fragment-timecode-type': 'ABSOLUTE',
    authorization: `AWS4-HMAC-SHA256 Credential=${options.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${'0'.repeat(64)}`,
  };
}

/** Events on the tables of the local cloud: by pages as on AWS, and as the stream of the local stage. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveDecision } from '../../aws/decisions.ts';
import { awsResultStore } from '../../aws/results.ts';
import { noonMs } from '../../core/control/fleet-factories.ts';
import type { SteppedClock } from '../../local/clock.ts';
import { completeDeps } from '../handler-deps.ts';
import { type ApiStage, startApiStage } from './api-stage.test-factory.ts';
import { type Api, buildApi } from './app.ts';
import { viewer } from './gateway-event.test-factory.ts';

let stage: ApiStage;
let api: Api;
beforeAll(async () => {
  stage = await startApiStage();
  api = buildApi(completeDeps(stage.deps, 'test'), {
    identify: () => ({ name: 'owner', role: 'operator' }),
    streamsEvents: true,
  });
});
afterAll(() => stage?.close());

const iso = (atMs: number) => new Date(atMs).toISOString();
const decide = (atMs: number, reason: string) =>
  saveDecision(stage.clients, stage.names.tables.decisions, {
    ...{ fleet: 'default', at: iso(atMs), schemaVersion: 1, trigger: 'schedule', inputs: {}, reason },
    ...{ desired: { instances: 1, tasks: 1 }, previous: { instances: 0, tasks: 0 } },
    ...{ actions: [], exceptions: [], expiresAt: 0 },
  });
const see = (atMs: number, trackId: string) =>
  awsResultStore(stage.clients, { detectionsTable: stage.names.tables.detections }).putDetection?.({
    ...{ cameraId: 'dock-1', trackId, 'at#trackId': `${iso(atMs)}#${trackId}`, epoch: 1, workerId: 'w', model: 'm' },
    ...{ label: 'car', classId: 2, score: 0.9, box: [0, 0, 1, 1], firstSeenAt: iso(atMs), lastSeenAt: iso(atMs) },
    ...{ ended: true, expiresAt: 1 },
  });
const words = (body: { events: { words: string }[] }) => body.events.map((event) => event.words);

describe('by pages', () => {
  it('begin some minutes ago, go on from their place, and answer 304 while nothing happens', async () => {
    await decide(noonMs - 3_600_000, 'an hour ago');
    await decide(noonMs - 120_000, 'two minutes ago');
    await see(noonMs - 60_000, 't-1');
    const first = await stage.ask('GET', '/api/events?camera=dock-1', { claims: viewer });
    expect(first.status).toBe(200);
    expect(words(first.body)).toEqual([
      'two minutes ago',
      'car at dock-1, 90 % sure',
      'dock-1 is waiting-capacity: waits for a worker',
    ]);
    const next = `/api/events?camera=dock-1&after=${first.body.after}`;
    const quiet = await stage.ask('GET', next);
    expect(quiet.body).toMatchObject({ after: first.body.after, more: false });
    const unchanged = await stage.ask('GET', next, { headers: { 'if-none-match': String(quiet.headers.etag) } });
    expect(unchanged.status).toBe(304);
    await decide(noonMs + 1_000, 'just now');
    const fresh = await stage.ask('GET', next, { headers: { 'if-none-match': String(quiet.headers.etag) } });
    expect(words(fresh.body).at(-1)).toBe('just now');
    expect(fresh.body.after).toBe(iso(noonMs + 1_000));
  });

  it('are what AWS answers also to who would take a stream; tracks come with their camera alone', async () => {
    const { headers, body } = await stage.ask('GET', '/api/events', { headers: { accept: 'text/event-stream' } });
    expect(headers['content-type']).toContain('application/json');
    expect(words(body).join()).not.toContain('car');
    for (const query of ['after=yesterday', 'camera=a%20b', `camera=${'a,'.repeat(9)}a`]) {
      expect((await stage.ask('GET', `/api/events?${query}`)).status, query).toBe(400);
    }
  });
});

describe('as a stream', () => {
  const clock = () => stage.deps.clock as SteppedClock;

  async function open(headers: Record<string, string> = {}) {
    const leave = new AbortController();
    const answer = await api.request('/api/events?camera=dock-1', {
      headers: { accept: 'text/event-stream', ...headers },
      signal: leave.signal,
    });
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let text = '';
    return {
      answer,
      async until(wanted: string) {
        while (!text.includes(wanted)) {
          const { done, value } = await reader.read();
          if (done) throw new Error(`the stream ended after ${text}`);
          text += decoder.decode(value, { stream: true });
        }
        return text;
      },
      leave: () => reader.cancel(),
    };
  }
  /** A stream sets its timer once it has told all there was. */
  async function timerIsSet() {
    while (clock().nextTimerMs() === null) await new Promise((resolve) => setImmediate(resolve));
  }

  it('tells each event once, is heard while nothing happens, and goes on where a reader was', async () => {
    const stream = await open();
    expect(stream.answer.headers.get('content-type')).toContain('text/event-stream');
    await stream.until('just now');
    await timerIsSet();
    await decide(clock().nowMs() + 1_500, 'streamed');
    await clock().step(2_000);
    const text = await stream.until('streamed');
    expect(text.match(/two minutes ago/g)).toHaveLength(1);
    expect(text).toMatch(/event: decision\ndata: \{.*"words":"streamed".*\}\nid: 2026/);
    for (let beats = 0; beats < 8; beats += 1) {
      await timerIsSet();
      await clock().step(2_000);
    }
    await stream.until(': still here');
    await stream.leave();
    await decide(clock().nowMs(), 'while away');
    const again = await open({ 'last-event-id': iso(clock().nowMs() - 1) });
    const resumed = await again.until('while away');
    expect(resumed).not.toContain('two minutes ago');
    await again.leave();
    expect((await api.request('/api/events', { headers: { 'last-event-id': 'x' } })).status).toBe(400);
  });

  it('is refused beyond a dozen, and open again once one has left', async () => {
    const streams = [];
    for (let count = 0; count < 12; count += 1) streams.push(await open());
    const refused = await open().then(({ answer }) => answer);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('30');
    for (const stream of streams) {
      await stream.until('just now');
      await stream.leave();
    }
    const nextStatus = async () => {
      const { answer, leave } = await open();
      await leave();
      return answer.status;
    };
    while ((await nextStatus()) === 503) await new Promise((resolve) => setImmediate(resolve));
  });
});

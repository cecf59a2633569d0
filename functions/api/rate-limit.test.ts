/** What a caller may ask, with the time stepped by hand. */
import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { SteppedClock } from '../../local/clock.ts';
import type { Principal } from './principal.ts';
import { answerError } from './problem.ts';
import { limitRate, TokenBuckets } from './rate-limit.ts';

it('gives a burst, then ten a second, to each caller apart', () => {
  const buckets = new TokenBuckets();
  const granted = (caller: string, nowMs: number, asked: number) =>
    Array.from({ length: asked }, () => buckets.take(caller, 1, nowMs)).filter((waitMs) => waitMs === 0).length;
  expect(granted('a', 0, 100)).toBe(60);
  expect(granted('b', 0, 1)).toBe(1);
  expect(buckets.take('a', 1, 0)).toBe(100);
  expect(granted('a', 1_000, 100)).toBe(10);
  // However long nobody asked, and whatever the clock did.
  expect(granted('a', 3_600_000, 100)).toBe(60);
  expect(granted('a', 0, 100)).toBe(0);
});

it('tells when what costs more can be had, and forgets who has not asked for longest', () => {
  const buckets = new TokenBuckets();
  for (let taken = 0; taken < 6; taken += 1) expect(buckets.take('a', 10, 0)).toBe(0);
  expect(buckets.take('a', 10, 500)).toBe(500);
  expect(buckets.take('a', 10, 1_000)).toBe(0);
  for (let caller = 0; caller < 1_500; caller += 1) buckets.take(`c-${caller}`, 1, 1_000);
  expect(buckets.size).toBe(1_000);
});

it('answers 429 with the seconds to wait', async () => {
  const clock = new SteppedClock(0);
  const app = new Hono<{ Variables: { principal: Principal } }>();
  app.onError((error, context) => answerError(error, context, () => {}));
  app.use(async (context, next) => {
    context.set('principal', { name: 'ann', role: 'viewer' });
    await next();
  });
  app.use(limitRate(clock));
  app.get('/api/cameras', (context) => context.text('ok'));
  const answers = [];
  for (let asked = 0; asked < 61; asked += 1) answers.push(await app.request('/api/cameras'));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(60);
  const refused = answers.at(-1) as Response;
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ title: 'Too many requests', detail: expect.stringContaining('ann') });
  await clock.step(1_000);
  expect((await app.request('/api/cameras')).status).toBe(200);
});

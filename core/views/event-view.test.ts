/** Events in the order of time, page by page, however the pages fall. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noonMs, state } from '../control/fleet-factories.ts';
import {
  decisionEvent,
  eventPage,
  eventsPerPageMax,
  lateWritesMs,
  phaseEvent,
  type StageEvent,
  trackEvent,
} from './event-view.ts';

const phaseAt = (cameraId: string, atMs: number) =>
  phaseEvent(state(cameraId, { phase: 'running', phaseReason: 'watched by w-1', phaseSinceMs: atMs }));

describe('an event', () => {
  it('says what happened in the words that were stored', () => {
    expect(phaseAt('dock-1', noonMs)).toEqual({
      ...{ kind: 'phase', id: `phase/dock-1/${noonMs}`, at: new Date(noonMs).toISOString(), fleet: 'default' },
      ...{ cameraId: 'dock-1', phase: 'running', words: 'dock-1 is running: watched by w-1' },
    });
    const at = new Date(noonMs).toISOString();
    expect(
      decisionEvent({
        ...{ fleet: 'default', at, schemaVersion: 1, trigger: 'schedule', inputs: {}, reason: '2 are needed' },
        ...{ desired: { instances: 2, tasks: 1 }, previous: { instances: 1, tasks: 1 } },
        ...{ actions: [], exceptions: [], expiresAt: 0 },
      }),
    ).toMatchObject({ id: `decision/default/${at}`, words: '2 are needed', desired: 2, previous: 1 });
    const seen = { cameraId: 'gate', trackId: 't-1', firstSeenAt: at, label: 'car', score: 0.912 };
    expect(trackEvent(seen)).toMatchObject({ words: 'car at gate, 91 % sure', hasPicture: false });
    expect(trackEvent({ ...seen, text: { value: 'SGX1', score: 0.9 }, snapshotKey: 'k' })).toMatchObject({
      ...{ words: 'car at gate, 91 % sure, reads SGX1', hasPicture: true },
    });
  });
});

describe('a page', () => {
  it('keeps its place while nothing happens, and tells again what may have been written late', () => {
    const source = { events: [phaseAt('a', noonMs - 10_000)], isCut: false };
    const page = eventPage([source], noonMs);
    expect(page).toMatchObject({ after: new Date(noonMs).toISOString(), more: false });
    expect(page.events.map(({ id }) => id)).toEqual([`phase/a/${noonMs - 10_000}`]);
  });

  it('does not pass what one source has not read to its end', () => {
    const cut = { events: [phaseAt('a', noonMs + 1), phaseAt('b', noonMs + 2)], isCut: true };
    const whole = { events: [phaseAt('c', noonMs + 5)], isCut: false };
    const page = eventPage([cut, whole], noonMs);
    expect(page.events.map(({ id }) => id)).toEqual([`phase/a/${noonMs + 1}`, `phase/b/${noonMs + 2}`]);
    expect(page).toMatchObject({ after: new Date(noonMs + 2).toISOString(), more: true });
  });

  it('has many events of one instant together, and page by page all of them', () => {
    const times = fc.array(fc.integer({ min: 1, max: 400_000 }), { maxLength: 900 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 400_000 }), (offsets, crowdedAt) => {
        const crowd = Array.from({ length: 300 }, (_, index) => phaseAt(`crowd-${index}`, noonMs + crowdedAt));
        const all = [...offsets.map((offset, index) => phaseAt(`c-${index}`, noonMs + offset)), ...crowd];
        const got = new Set<string>();
        let afterMs = noonMs;
        for (let pages = 0; pages < 20; pages += 1) {
          const events = all.filter(({ at }) => Date.parse(at) > afterMs - lateWritesMs);
          const page = eventPage([{ events, isCut: false }], afterMs);
          const fresh = page.events.filter(({ at }) => Date.parse(at) > afterMs);
          expect(fresh.length).toBeLessThanOrEqual(eventsPerPageMax + 1_200);
          for (const { id } of page.events) got.add(id);
          expect([...page.events].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))).toEqual(page.events);
          afterMs = Date.parse(page.after);
          if (!page.more) break;
        }
        expect(got).toEqual(new Set(all.map(({ id }: StageEvent) => id)));
      }),
      { numRuns: 30, seed: 1 },
    );
  });
});

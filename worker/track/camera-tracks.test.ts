/** What is told of a camera's tracks: only those that count, enter first, exit last, regions between. */
import { expect, test } from 'vitest';
import { letterboxGeometry } from '../decode/letterbox.ts';
import type { Candidate } from '../detect/nms.ts';
import { rigCamera } from '../worker-rig.test-factory.ts';
import { CameraTracks } from './camera-tracks.ts';

const letterbox = letterboxGeometry(100, 100, 100, 100);
const car = (x: number, y: number, score = 0.9): Candidate => ({ classId: 0, score, box: [x - 8, y - 8, x + 8, y] });

function play(row: Record<string, unknown>, ways: Candidate[][]) {
  const tracks = new CameraTracks(rigCamera({ smoothing: { minHits: 2, maxMissMs: 400 }, ...row }), ['car']);
  const told: string[] = [];
  for (const [frameIndex, candidates] of ways.entries()) {
    const moment = { fragmentNumber: 'f', frameIndex, capturedAtMs: frameIndex * 200, letterbox, stillUntilMs: null };
    const { detections, entered, exited, regionEvents } = tracks.frame(moment, candidates);
    told.push(...entered.map(({ trackId }) => `${frameIndex}: enter ${trackId}`));
    told.push(...regionEvents.map(({ event, region }) => `${frameIndex}: ${event} ${region}`));
    told.push(...exited.map(({ trackId }) => `${frameIndex}: exit ${trackId}`));
    told.push(...detections.map(({ regions = [] }) => `${frameIndex}: seen ${regions.join()}`));
  }
  const { exited, regionEvents } = tracks.close();
  told.push(...regionEvents.map(({ event, region }) => `end: ${event} ${region}`));
  told.push(...exited.map(({ trackId }) => `end: exit ${trackId}`));
  return told;
}

const road = { name: 'road', polygon: [[0.5, 0], [1, 0], [1, 1], [0.5, 1]] }; // biome-ignore format: one line reads better

test('a track is told from when it first counts, and is one track also before', () => {
  const ways = [30, 36, 42, 48, 54, 60].map((x) => [car(x, 50)]);
  expect(play({ detect: { classes: [] }, regions: [road] }, ways)).toEqual([
    '4: enter f-0-0',
    '4: region-enter road',
    '4: seen road',
    '5: seen road',
    'end: region-exit road',
    'end: exit f-0-0',
  ]);
});

test('a track that never counts is never told, and what is excluded is not even followed', () => {
  const still = Array.from({ length: 4 }, () => [car(20, 50)]);
  expect(play({ detect: { classes: [] }, regions: [road] }, still)).toEqual([]);
  const excluded = { ...road, mode: 'exclude' };
  const through = [40, 48, 56, 64].map((x) => [car(x, 50)]);
  expect(play({ detect: { classes: [] }, regions: [excluded] }, through)).toEqual([
    '0: seen ',
    '1: enter f-0-0',
    '1: seen ',
    'end: exit f-0-0',
  ]);
});

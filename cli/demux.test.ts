import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { kvsFragment } from '../worker/demux/matroska.test-factory.ts';
import { type DemuxReport, demuxCommand } from './demux.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvs-infer-demux-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

async function demux(bytes: Uint8Array | null, ...options: string[]): Promise<string> {
  const path = join(folder, 'capture.mkv');
  rmSync(path, { force: true });
  if (bytes !== null) writeFileSync(path, bytes);
  const printed: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
  const program = new Command().exitOverride();
  demuxCommand(program);
  await program.parseAsync(['demux', path, ...options], { from: 'user' });
  return printed.join('\n');
}

const first = kvsFragment({ number: '1001' });
const second = kvsFragment({ number: '1002', producerTimestamp: '1511852110.513' });

describe('kvs-infer demux', () => {
  it('--json prints tracks, fragments, frames and errors', async () => {
    const report = JSON.parse(await demux(Buffer.concat([first, second]), '--json')) as DemuxReport;
    expect(report).toMatchObject({
      tracks: [{ number: 1, codec: 'h264', width: 640, height: 360 }],
      frames: 6,
      errors: [],
    });
    expect(report.fragments[1]).toEqual({
      number: '1002',
      producerTimestampMs: 1_511_852_110_513,
      serverTimestampMs: 1_511_852_109_126,
      continuationToken: '1002',
      millisBehindNow: 250,
      frames: 3,
      keyframes: 1,
      bytes: 15,
      complete: true,
    });
  });

  it('lists damage with its byte and goes on', async () => {
    const long = kvsFragment({ number: '1001', frames: [{ keyframe: true, data: Buffer.alloc(900) }] });
    const cut = long.subarray(0, long.length - 500);
    const report = JSON.parse(await demux(Buffer.concat([cut, second]), '--json')) as DemuxReport;
    expect(report.errors).toMatchObject([{ code: 'MATROSKA_TRUNCATED', atByte: expect.any(Number) }]);
    expect(report.fragments.map(({ number, complete }) => [number, complete])).toEqual([
      ['1001', false],
      ['1002', true],
    ]);
  });

  it('prints a table for people', async () => {
    const printed = await demux(first);
    expect(printed).toMatch(/^track 1: h264 640×360\nFRAGMENT/);
    expect(printed).toContain('1001      2017-11-28T06:55:08.513Z');
    expect(printed).toContain('1 fragment, 3 frames, 0 errors');
  });

  it.each([
    ['a missing file', null],
    ['an empty file', Buffer.alloc(0)],
    ['no Matroska at all', Buffer.from('#!/bin/sh\n')],
  ])('fails on %s', async (_, bytes) => {
    await expect(demux(bytes, '--json')).rejects.toMatchObject({ code: 'MEDIA_UNREADABLE' });
  });

  it('fails on a folder', async () => {
    const program = new Command().exitOverride();
    demuxCommand(program);
    await expect(program.parseAsync(['demux', folder], { from: 'user' })).rejects.toMatchObject({
      code: 'MEDIA_UNREADABLE',
    });
  });
});

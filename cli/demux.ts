/**
 * `kvs-infer demux`: what a capture of a KVS stream holds, by the worker's own reader. For looking at a camera's media when
 * something is wrong with it, so damage is listed, not fatal.
 * Contract (scripts rely on it): `--json` prints `{ tracks, fragments, frames, errors }`; exit code 1 only when the file
 * cannot be read or holds no Matroska at all.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { KvsInferError } from '../core/errors.ts';
import { type FragmentEvent, FragmentReader } from '../worker/demux/fragment-reader.ts';
import { LateBar } from './late-bar.ts';
import { type Column, textTable } from './text-table.ts';

export type DemuxReport = {
  /** Each distinct track once, in order of appearance. */
  tracks: { number: number; codec: string; width: number; height: number }[];
  fragments: {
    number: string;
    producerTimestampMs: number;
    serverTimestampMs: number | null;
    continuationToken: string | null;
    millisBehindNow: number | null;
    frames: number;
    keyframes: number;
    /** Of the frames' data. */
    bytes: number;
    /** False when bytes of the fragment were lost. */
    complete: boolean;
  }[];
  frames: number;
  errors: { code: string; message: string; atByte: number }[];
  /** Errors beyond the first 1000. */
  errorsLeftOut: number;
};

/** A file of noise has an error per header: the first ones tell what is wrong, the rest are counted. */
const ERRORS_LISTED_MAX = 1000;
const READ_CHUNK_BYTES = 256 * 1024;

export function demuxCommand(program: Command): void {
  program
    .command('demux')
    .description('list the fragments, tracks and damage of a Kinesis Video Streams capture')
    .argument('<capture.mkv>', 'a GetMedia response, or any Matroska file')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ kvs-infer demux capture.mkv --json')
    .action(async (path: string, options: { json?: true }) => {
      const report = await demuxFile(path);
      console.log(options.json ? JSON.stringify(report, null, 2) : describeReport(report));
    });
}

/** @throws KvsInferError MEDIA_UNREADABLE when the file cannot be read or holds no Matroska. */
export async function demuxFile(path: string): Promise<DemuxReport> {
  const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause.code === 'ENOENT' ? 'no such file' : cause.message, cause);
  });
  if (!stats.isFile())
    throw unreadable(path, stats.isDirectory() ? 'expected a file, found a directory' : 'expected a regular file');
  if (stats.size === 0) throw unreadable(path, 'the file is empty');
  const report: DemuxReport = { tracks: [], fragments: [], frames: 0, errors: [], errorsLeftOut: 0 };
  const seenTracks = new Set<string>();
  const reader = new FragmentReader((event) => record(report, seenTracks, event));
  const bar = new LateBar('{bar} {percentage}% read', stats.size);
  let readBytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: READ_CHUNK_BYTES })) {
      reader.push(chunk as Buffer);
      readBytes += (chunk as Buffer).byteLength;
      bar.update(readBytes);
    }
  } catch (cause) {
    throw unreadable(path, cause instanceof Error ? cause.message : String(cause), cause);
  } finally {
    bar.stop();
  }
  reader.end();
  const missing = report.errors.find((error) => error.code === 'MATROSKA_NOT_FOUND');
  if (missing !== undefined) throw unreadable(path, missing.message);
  return report;
}

function record(report: DemuxReport, seenTracks: Set<string>, event: FragmentEvent): void {
  if (event.type === 'track') {
    const { number, codec, codecId, width, height } = event.track;
    const track = { number, codec: codec === 'other' ? codecId : codec, width, height };
    const key = JSON.stringify(track);
    if (seenTracks.has(key)) return;
    seenTracks.add(key);
    report.tracks.push(track);
  } else if (event.type === 'frame') {
    report.frames += 1;
  } else if (event.type === 'fragment-end') {
    const { fragment, frames, keyframes, bytes, continuationToken, complete } = event;
    const { number, producerTimestampMs, serverTimestampMs, millisBehindNow } = fragment;
    const times = { producerTimestampMs, serverTimestampMs, continuationToken, millisBehindNow };
    report.fragments.push({ number, ...times, frames, keyframes, bytes, complete });
  } else if (event.type === 'error') {
    if (report.errors.length >= ERRORS_LISTED_MAX) report.errorsLeftOut += 1;
    else report.errors.push({ code: event.error.code, message: event.error.message, atByte: event.atByte });
  }
}

function unreadable(path: string, message: string, cause?: unknown): KvsInferError {
  return new KvsInferError('MEDIA_UNREADABLE', `${path}: ${message}`, {
    hint: 'give a Matroska file, such as the saved response of GetMedia',
    cause,
  });
}

/** The report for people: tracks, a row per fragment, totals, then what was wrong and where. */
export function describeReport(report: DemuxReport): string {
  const tracks = report.tracks.map(({ number, codec, width, height }) => {
    return `track ${number}: ${codec}${width > 0 ? ` ${width}×${height}` : ''}`;
  });
  const rows = report.fragments.map((fragment) => [
    fragment.number,
    timeOf(fragment.producerTimestampMs, fragment.serverTimestampMs !== null),
    fragment.serverTimestampMs === null ? '-' : timeOf(fragment.serverTimestampMs, true),
    String(fragment.frames),
    String(fragment.keyframes),
    String(Math.round(fragment.bytes / 1000)),
    fragment.complete ? '' : 'incomplete',
  ]);
  const header = ['FRAGMENT', 'PRODUCER TIME', 'SERVER TIME', 'FRAMES', 'KEY', 'KB', ''];
  const columns = header.map((head, index): Column => (index === 0 ? { head, keep: true } : { head }));
  const errors = report.errors.map(({ code, message, atByte }) => `byte ${atByte}: ${code}: ${message}`);
  const errorCount = report.errors.length + report.errorsLeftOut;
  const totals = [count(rows.length, 'fragment'), count(report.frames, 'frame'), count(errorCount, 'error')].join(', ');
  return [...tracks, ...(rows.length > 0 ? [textTable(columns, rows)] : []), totals, ...errors].join('\n');
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** KVS fragments lie in calendar time; a plain file has only the time since its beginning. */
function timeOf(ms: number, calendar: boolean): string {
  return calendar ? new Date(ms).toISOString() : `${(ms / 1000).toFixed(3)} s`;
}

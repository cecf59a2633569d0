import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kvsFragment } from '../demux/matroska.test-factory.ts';
import { encodeClip, FRAME_MS, writeMp4 } from './encoded-clip.test-factory.ts';
import { encodeJpeg } from './jpeg.ts';
import { decodeMediaFile, mediaPackets } from './media-file.ts';

let folder = '';
const file = (name: string) => join(folder, name);
const clip = encodeClip();
const { codecPrivate } = clip;
if (codecPrivate === null) throw new Error('the clip has its parameter sets apart');

const fragment = (number: string, packets = clip.packets) =>
  kvsFragment({
    number,
    track: { width: 320, height: 192, codecPrivate },
    frames: packets.map(({ data, timestampMs, keyframe }) => ({ data, relativeMs: timestampMs, keyframe })),
  });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvs-infer-media-'));
  writeFileSync(file('two.mkv'), Buffer.concat([fragment('1'), fragment('2')]));
  writeMp4(file('clip.mp4'), clip, 320, 192);
  const picture = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 1.5).fill(90) };
  writeFileSync(file('still.jpg'), encodeJpeg(picture).jpeg);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function picturesOf(path: string) {
  const places: string[] = [];
  const result = await decodeMediaFile(path, {
    onPicture: ({ context, timestampMs, width, height }) => {
      places.push(`${context?.fragmentNumber}/${context?.frameIndex} ${Math.round(timestampMs)} ${width}x${height}`);
    },
  });
  expect(result.pictures).toBe(places.length);
  return places;
}

describe('media files', () => {
  it('.mkv: every frame at its fragment, index and producer time', async () => {
    const places = await picturesOf(file('two.mkv'));
    expect(places).toHaveLength(24);
    expect(places[13]).toBe(`2/1 ${1_511_852_108_513 + FRAME_MS} 320x192`);
  });

  it('.mp4: every frame of fragment 0', async () => {
    const places = await picturesOf(file('clip.mp4'));
    expect(places).toEqual(clip.packets.map(({ timestampMs }, index) => `0/${index} ${timestampMs} 320x192`));
  });

  it('.jpg: one picture', async () => {
    expect(await picturesOf(file('still.jpg'))).toEqual(['0/0 0 64x48']);
  });

  it('waits for afterPacket, so that pictures do not pile up', async () => {
    let waiting = 0;
    let peak = 0;
    await decodeMediaFile(file('two.mkv'), {
      onPicture: () => {
        waiting += 1;
        peak = Math.max(peak, waiting);
      },
      afterPacket: async () => {
        await Promise.resolve();
        waiting = 0;
      },
    });
    expect(peak).toBeLessThanOrEqual(2);
  });

  it('.mkv with damage: the rest is given, the damage reported', async () => {
    const whole = fragment('1');
    writeFileSync(file('damaged.mkv'), Buffer.concat([whole.subarray(0, whole.length - 400), fragment('2')]));
    const codes: string[] = [];
    const fragments = new Set<string>();
    for await (const packet of mediaPackets(file('damaged.mkv'), { onError: (error) => codes.push(error.code) })) {
      fragments.add(packet.context.fragmentNumber);
    }
    expect([codes, [...fragments]]).toEqual([['MATROSKA_TRUNCATED'], ['1', '2']]);
  });
});

describe('files that cannot be used say why, by one name', () => {
  const cases: [what: string, make: () => string, words: RegExp][] = [
    ['missing', () => file('none.mkv'), /no such file/],
    ['a folder', () => mkdtempSync(file('folder-')), /directory/],
    ['empty', () => written('empty.mp4', Buffer.alloc(0)), /empty/],
    ['an unknown extension', () => written('notes.txt', Buffer.from('x')), /\.mkv, \.mp4/],
    ['an MP4 named .mkv', () => written('wrong.mkv', readFileSync(file('clip.mp4'))), /found MP4/],
    ['a Matroska named .jpg', () => written('wrong.jpg', fragment('1')), /found Matroska/],
    ['text named .mp4', () => written('text.mp4', Buffer.from('just some text')), /expected MP4 content/],
    [
      'text named .mkv',
      () => written('text.mkv', Buffer.from('just some text')),
      /no.* in 14 bytes|found none in 14 bytes/,
    ],
    [
      'an MP4 cut before its index',
      () => written('cut.mp4', readFileSync(file('clip.mp4')).subarray(0, 1500)),
      /without a readable index/,
    ],
    ['a JPEG cut short', () => written('cut.jpg', readFileSync(file('still.jpg')).subarray(0, -20)), /truncated/],
    [
      'a JPEG of noise',
      () => written('noise.jpg', Buffer.from('ffd8ffe0aabbccddeeff00112233ffd9', 'hex')),
      /none could be decoded/,
    ],
    [
      'Matroska without video',
      () => written('silent.mkv', kvsFragment({ number: '1', frames: [] })),
      /expected video frames/,
    ],
    [
      'another codec',
      () => written('vp9.mkv', kvsFragment({ number: '1', track: { codecId: 'V_VP9' } })),
      /found V_VP9/,
    ],
    [
      'frames that are not video',
      () => written('junk.mkv', kvsFragment({ number: '1', track: { codecPrivate } })),
      /none could be decoded/,
    ],
  ];

  function written(name: string, bytes: Uint8Array): string {
    writeFileSync(file(name), bytes);
    return file(name);
  }

  it.each(cases)('%s', async (_, make, words) => {
    await expect(decodeMediaFile(make(), { onPicture: () => {} })).rejects.toMatchObject({
      code: 'MEDIA_UNREADABLE',
      message: words,
    });
  });

  it('an MP4 whose media ends early, after its whole pictures', async () => {
    const whole = readFileSync(file('clip.mp4'));
    // Index first, then media: what is cut off is media.
    const moovAt = whole.indexOf('moov') - 4;
    const mdatAt = whole.indexOf('mdat') - 4;
    expect(moovAt).toBeGreaterThan(mdatAt);
    const zeroed = Buffer.concat([
      whole.subarray(0, mdatAt),
      shifted(whole.subarray(moovAt), whole.length - moovAt),
      whole.subarray(mdatAt, moovAt - 500),
    ]);
    writeFileSync(file('short.mp4'), zeroed);
    let pictures = 0;
    const decoding = decodeMediaFile(file('short.mp4'), { onPicture: () => (pictures += 1) });
    await expect(decoding).rejects.toMatchObject({
      code: 'MEDIA_UNREADABLE',
      message: /expected 12 frames by its index/,
    });
    expect(pictures).toBeGreaterThan(0);
  });

  /** Moves the chunk offsets of an index that goes in front of its media. */
  function shifted(moov: Buffer, by: number): Buffer {
    const moved = Buffer.from(moov);
    const at = moved.indexOf('stco') + 4;
    const entries = moved.readUInt32BE(at + 4);
    for (let entry = 0; entry < entries; entry += 1) {
      const offset = at + 8 + entry * 4;
      moved.writeUInt32BE(moved.readUInt32BE(offset) + by, offset);
    }
    return moved;
  }
});

const data = process.env.KVS_INFER_TEST_DATA ?? join(import.meta.dirname, '../../../shared/data');
const present = existsSync(data);

describe.skipIf(!present)(
  present ? 'real files' : `real files (skipped: no folder ${data}; set KVS_INFER_TEST_DATA)`,
  () => {
    it('output_get_media.mkv: 300 pictures of 640×360', async () => {
      const places = await picturesOf(join(data, 'kvs/output_get_media.mkv'));
      expect(places).toHaveLength(300);
      expect(places.every((place) => place.endsWith(' 640x360'))).toBe(true);
    });

    it('a photograph in PNG', async () => {
      expect(await picturesOf(join(data, 'images/highway_normal_1.png'))).toHaveLength(1);
    });
  },
);

/**
 * An encoded clip as KVS producers and Matroska carry it: NAL units with their length in front, and parameter sets in an avcC
 * or hvcC record (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1), where FFmpeg's encoders write start codes.
 * Invariant: the same NAL units in the same order.
 */
import { eachNalUnit } from './bitstream-layout.ts';
import type { EncodedClip } from './encoded-clip.test-factory.ts';

const hevcTypes = { vps: 32, sps: 33, pps: 34 } as const;

/** @returns also clips whose parameter sets lie in their packets: there they stay, and the record repeats the first ones. */
export function lengthPrefixed(clip: EncodedClip): EncodedClip {
  const sets = nalUnits(clip.codecPrivate ?? clip.packets[0]?.data ?? new Uint8Array(), clip.codec);
  const codecPrivate = clip.codec === 'h264' ? avcC(sets) : hvcC(sets);
  const packets = clip.packets.map((packet) => {
    const parts = nalUnits(packet.data, clip.codec).flatMap((unit) => [bigEndian(unit.length, 4), unit]);
    return { ...packet, data: Buffer.concat(parts) };
  });
  return { ...clip, codecPrivate, packets };
}

/** Without the zeros that belong to the next unit's start code. */
function nalUnits(annexB: Uint8Array, codec: EncodedClip['codec']): Buffer[] {
  const units: Buffer[] = [];
  eachNalUnit(annexB, { codec, nalLengthBytes: null, temporalLayers: null }, (from, to) => {
    let end = to;
    while (end > from && annexB[end - 1] === 0) end -= 1;
    units.push(Buffer.from(annexB.subarray(from, end)));
    return true;
  });
  return units;
}

function avcC(units: Buffer[]): Buffer {
  const ofType = (type: number) => units.filter((unit) => ((unit[0] ?? 0) & 0x1f) === type);
  const [sps, pps] = [ofType(7), ofType(8)];
  const [, profile = 0, compatibility = 0, level = 0] = sps[0] ?? [];
  return Buffer.concat([
    Buffer.from([1, profile, compatibility, level, 0xff, 0xe0 | sps.length]),
    ...sps.flatMap((unit) => [bigEndian(unit.length, 2), unit]),
    Buffer.from([pps.length]),
    ...pps.flatMap((unit) => [bigEndian(unit.length, 2), unit]),
  ]);
}

function hvcC(units: Buffer[]): Buffer {
  const arrays = Object.values(hevcTypes).map((type) => ({
    type,
    units: units.filter((unit) => (((unit[0] ?? 0) >> 1) & 0x3f) === type),
  }));
  // Two bytes of NAL header, one of ids, then twelve of profile, tier and level, less the bytes that emulation put in.
  const sps = unescaped(arrays[1]?.units[0] ?? Buffer.alloc(15));
  const temporalLayers = (((sps[2] ?? 0) >> 1) & 7) + 1;
  return Buffer.concat([
    Buffer.from([1]),
    sps.subarray(3, 15),
    // No segmentation, parallelism unknown, 4:2:0 of 8 bits, frame rate unknown, lengths of four bytes.
    Buffer.from([0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, (temporalLayers << 3) | 0x04 | 3, arrays.length]),
    ...arrays.flatMap(({ type, units: own }) => [
      Buffer.from([0x80 | type]),
      bigEndian(own.length, 2),
      ...own.flatMap((unit) => [bigEndian(unit.length, 2), unit]),
    ]),
  ]);
}

function unescaped(unit: Buffer): Buffer {
  return Buffer.from([...unit].filter((byte, at) => !(byte === 3 && unit[at - 1] === 0 && unit[at - 2] === 0)));
}

function bigEndian(value: number, bytes: 2 | 4): Buffer {
  const out = Buffer.alloc(bytes);
  if (bytes === 2) out.writeUInt16BE(value);
  else out.writeUInt32BE(value);
  return out;
}

/**
 * How an H.264 or H.265 stream is laid out: NAL units with a length in front (avcC, hvcC) or start codes between them
 * (Annex B), and what its parameter sets say about layers. FFmpeg reads both; we look only at NAL headers, to drop packets
 * before they cost a decode. Formats: ISO/IEC 14496-15 (avcC, hvcC), ITU-T H.264 and H.265 Annex B.
 * Invariant: broken bytes end a walk early; nothing here throws.
 */
import type { VideoCodec } from '../demux/segment-content.ts';

export type BitstreamLayout = {
  codec: VideoCodec;
  /** Bytes of each NAL unit's length, or null for start codes (Annex B). */
  nalLengthBytes: number | null;
  /** Temporal sub-layers of H.265; 1 for H.264, null when unknown. */
  temporalLayers: number | null;
};

const HEVC_SPS = 33;

export function bitstreamLayout(codec: VideoCodec, codecPrivate: Uint8Array | null): BitstreamLayout {
  const annexB: BitstreamLayout = { codec, nalLengthBytes: null, temporalLayers: codec === 'h264' ? 1 : null };
  if (codecPrivate === null || isAnnexB(codecPrivate)) {
    if (codec === 'h264' || codecPrivate === null) return annexB;
    return { ...annexB, temporalLayers: temporalLayersOfParameterSets(codecPrivate) };
  }
  if (codec === 'h264') {
    if (codecPrivate.length < 7 || codecPrivate[0] !== 1) return annexB;
    return { codec, nalLengthBytes: ((codecPrivate[4] as number) & 3) + 1, temporalLayers: 1 };
  }
  if (codecPrivate.length < 23) return annexB;
  const temporalLayers = ((codecPrivate[21] as number) >> 3) & 7;
  return {
    codec,
    nalLengthBytes: ((codecPrivate[21] as number) & 3) + 1,
    temporalLayers: temporalLayers === 0 ? null : temporalLayers,
  };
}

/** Start code in front: a producer may send Annex B frames under an avcC header; FFmpeg takes them and so do we. */
export function isAnnexB(data: Uint8Array): boolean {
  return data[0] === 0 && data[1] === 0 && (data[2] === 1 || (data[2] === 0 && data[3] === 1));
}

/** Calls `visit` with the bounds of each NAL unit until it returns false. */
export function eachNalUnit(
  data: Uint8Array,
  layout: BitstreamLayout,
  visit: (from: number, to: number) => boolean,
): void {
  const { nalLengthBytes } = layout;
  if (nalLengthBytes === null || (isAnnexB(data) && !lengthsFit(data, nalLengthBytes))) eachStartCodeUnit(data, visit);
  else eachLengthPrefixedUnit(data, nalLengthBytes, visit);
}

/** A unit of 256 to 511 bytes has a length that looks like a start code; only lengths lead exactly to the end. */
function lengthsFit(data: Uint8Array, lengthBytes: number): boolean {
  let end = 0;
  eachLengthPrefixedUnit(data, lengthBytes, (_from, to) => {
    end = to;
    return true;
  });
  return end === data.length;
}

function eachLengthPrefixedUnit(
  data: Uint8Array,
  lengthBytes: number,
  visit: (from: number, to: number) => boolean,
): void {
  let offset = 0;
  while (offset + lengthBytes < data.length) {
    let length = 0;
    for (let index = 0; index < lengthBytes; index += 1) length = length * 256 + (data[offset + index] as number);
    const from = offset + lengthBytes;
    if (length === 0 || from + length > data.length) return;
    if (!visit(from, from + length)) return;
    offset = from + length;
  }
}

function eachStartCodeUnit(data: Uint8Array, visit: (from: number, to: number) => boolean): void {
  let from = -1;
  for (let offset = 0; offset + 2 < data.length; offset += 1) {
    if (data[offset] !== 0 || data[offset + 1] !== 0 || data[offset + 2] !== 1) continue;
    if (from >= 0 && offset > from && !visit(from, offset)) return;
    from = offset + 3;
    offset += 2;
  }
  if (from >= 0 && from < data.length) visit(from, data.length);
}

function temporalLayersOfParameterSets(codecPrivate: Uint8Array): number | null {
  let temporalLayers: number | null = null;
  eachStartCodeUnit(codecPrivate, (from, to) => {
    if (to - from < 3 || (((codecPrivate[from] as number) >> 1) & 0x3f) !== HEVC_SPS) return true;
    temporalLayers = (((codecPrivate[from + 2] as number) >> 1) & 7) + 1;
    return false;
  });
  return temporalLayers;
}

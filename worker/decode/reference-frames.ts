/**
 * Which packets the decoder can do without. A picture that no other refers to may be dropped before it is decoded, and
 * decoding may begin only where no earlier picture is needed: both are said by NAL unit headers alone.
 * Invariant: when in doubt a packet is kept; dropping a reference would smear every picture after it.
 */
import { type BitstreamLayout, eachNalUnit } from './bitstream-layout.ts';

/** H.264 slices: nal_unit_type 1 (non-IDR), 2 to 4 (partitions), 5 (IDR). ITU-T H.264 table 7-1. */
const H264_SLICE_FIRST = 1;
const H264_IDR = 5;
const H264_SPS = 7;
/** H.265: types below 32 are slices; even types up to 14 are sub-layer non-reference; 16 to 23 random access. Table 7-1. */
const HEVC_SLICE_LAST = 31;
const HEVC_SPS = 33;
const HEVC_NON_REFERENCE_LAST = 14;
const HEVC_RANDOM_ACCESS_FIRST = 16;
const HEVC_RANDOM_ACCESS_LAST = 23;

/** True when no other picture is predicted from this packet's. */
export function isDroppable(data: Uint8Array, layout: BitstreamLayout): boolean {
  let slices = 0;
  let references = 0;
  eachNalUnit(data, layout, (from, to) => {
    if (layout.codec === 'h264') {
      const header = data[from] as number;
      const type = header & 0x1f;
      if (type < H264_SLICE_FIRST || type > H264_IDR) return true;
      slices += 1;
      if (((header >> 5) & 3) !== 0) references += 1;
    } else {
      const type = ((data[from] as number) >> 1) & 0x3f;
      if (type > HEVC_SLICE_LAST || to - from < 2) return true;
      slices += 1;
      // A non-reference picture of a lower sub-layer may still be predicted from by a higher one.
      const temporalId = ((data[from + 1] as number) & 7) - 1;
      const highest = layout.temporalLayers !== null && temporalId === layout.temporalLayers - 1;
      if (type % 2 === 1 || type > HEVC_NON_REFERENCE_LAST || !highest) references += 1;
    }
    return references === 0;
  });
  return slices > 0 && references === 0;
}

/** True when decoding may begin with this packet: an IDR picture, or for H.265 any random access picture. */
export function isRandomAccess(data: Uint8Array, layout: BitstreamLayout): boolean {
  let found = false;
  eachNalUnit(data, layout, (from) => {
    const header = data[from] as number;
    const type = layout.codec === 'h264' ? header & 0x1f : (header >> 1) & 0x3f;
    found =
      layout.codec === 'h264' ? type === H264_IDR : type >= HEVC_RANDOM_ACCESS_FIRST && type <= HEVC_RANDOM_ACCESS_LAST;
    return !found;
  });
  return found;
}

/** True when the packet brings a sequence parameter set of its own before its first slice. */
export function hasParameterSets(data: Uint8Array, layout: BitstreamLayout): boolean {
  let found = false;
  eachNalUnit(data, layout, (from) => {
    const header = data[from] as number;
    const type = layout.codec === 'h264' ? header & 0x1f : (header >> 1) & 0x3f;
    found = type === (layout.codec === 'h264' ? H264_SPS : HEVC_SPS);
    const isSlice = layout.codec === 'h264' ? type >= H264_SLICE_FIRST && type <= H264_IDR : type <= HEVC_SLICE_LAST;
    return !found && !isSlice;
  });
  return found;
}

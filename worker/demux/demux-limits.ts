/**
 * What one stream may cost in memory, named in one place. Reading stays within these whatever the bytes claim, because a
 * size field is believed only after it has been compared with its limit.
 */
export type DemuxLimits = {
  /** Content of one Cluster, and so of one frame. KVS: a fragment has at most 50 MB (KVS limits page). */
  fragmentBytes: number;
  /** CodecPrivate: parameter sets take some hundred bytes; KVS allows 1 MB of metadata in all. */
  codecPrivateBytes: number;
  /** One value other than a frame or CodecPrivate. Longer tag values are passed over. */
  valueBytes: number;
  /** KVS streams have at most 3 tracks; files have some tens of subtitles. */
  tracks: number;
  /** Tags of one Tag element. */
  tagsPerElement: number;
  /** Open masters at a time: SimpleTag may hold SimpleTag without end. */
  depth: number;
};

export const defaultDemuxLimits: DemuxLimits = {
  fragmentBytes: 50_000_000,
  codecPrivateBytes: 1_000_000,
  valueBytes: 16_384,
  tracks: 128,
  tagsPerElement: 256,
  depth: 16,
};

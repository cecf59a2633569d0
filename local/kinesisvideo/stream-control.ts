/**
 * The control plane of Kinesis Video Streams: streams are made, described, listed, tagged and deleted, as the REST JSON
 * operations of @aws-sdk/client-kinesis-video. Invariant: every refusal carries AWS's own error name and status.
 */
import { AwsError } from '../http/aws-error.ts';
import type { CloudContext } from '../service.ts';
import type { KinesisVideoLimits, RateLimiter } from './service-limits.ts';
import type { Stream, StreamRegistry } from './stream-registry.ts';

type Input = Record<string, unknown>;
export type ControlPlane = {
  registry: StreamRegistry;
  limits: KinesisVideoLimits;
  rates: RateLimiter;
  context: Pick<CloudContext, 'endpoint'>;
  /** Ends the media connections of a stream that is going away. */
  disconnect(streamName: string): void;
};
type Operation = (plane: ControlPlane, input: Input) => Promise<unknown>;

const LIST_STREAMS_DEFAULT_MAX = 10_000;
const namePattern = /^[a-zA-Z0-9_.-]{1,256}$/;
const mediaTypePattern = /^[\w\-.+]+\/[\w\-.+]+(,[\w\-.+]+\/[\w\-.+]+)*$/;
const dataApiNames = new Set([
  'PUT_MEDIA',
  'GET_MEDIA',
  'LIST_FRAGMENTS',
  'GET_MEDIA_FOR_FRAGMENT_LIST',
  'GET_HLS_STREAMING_SESSION_URL',
  'GET_DASH_STREAMING_SESSION_URL',
  'GET_CLIP',
  'GET_IMAGES',
]);

/** By request path in lower case, as `/createStream`. */
export const controlOperations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['/createstream', createStream],
  ['/describestream', describeStream],
  ['/liststreams', listStreams],
  ['/deletestream', deleteStream],
  ['/getdataendpoint', getDataEndpoint],
  ['/updatedataretention', updateDataRetention],
  ['/updatestream', updateStream],
  ['/tagstream', tagStream],
  ['/untagstream', untagStream],
  ['/listtagsforstream', listTagsForStream],
]);

async function createStream(plane: ControlPlane, input: Input): Promise<unknown> {
  spend(plane, 'CreateStream', plane.limits.createStreamPerSecond);
  const streamName = text(input, 'StreamName', namePattern);
  if (streamName === null) throw invalid('StreamName is required.');
  const retentionHours = wholeNumber(input, 'DataRetentionInHours', 0, plane.limits.retentionHoursMax) ?? 0;
  const tags = tagMap(input);
  if (Object.keys(tags).length > plane.limits.tagsPerStreamMax) throw tooManyTags(plane);
  if (plane.registry.get(streamName) !== null) {
    throw new AwsError(400, 'ResourceInUseException', `The stream ${streamName} already exists.`);
  }
  if (plane.registry.size >= plane.limits.streamsMax) {
    throw new AwsError(400, 'AccountStreamLimitExceededException', 'The number of streams of the account is exceeded.');
  }
  const stream = await plane.registry.create({
    streamName,
    retentionHours,
    deviceName: text(input, 'DeviceName', /^[a-zA-Z0-9_.-]{1,128}$/),
    mediaType: text(input, 'MediaType', mediaTypePattern),
    kmsKeyId: text(input, 'KmsKeyId', /^.{1,2048}$/),
    tags,
  });
  return { StreamARN: stream.definition.streamArn };
}

async function describeStream(plane: ControlPlane, input: Input): Promise<unknown> {
  spend(plane, 'DescribeStream', plane.limits.describeStreamPerSecond);
  const stream = named(plane, input);
  spend(plane, `DescribeStream:${stream.definition.streamName}`, plane.limits.describeOneStreamPerSecond);
  return { StreamInfo: streamInfo(stream) };
}

async function listStreams(plane: ControlPlane, input: Input): Promise<unknown> {
  spend(plane, 'ListStreams', plane.limits.listStreamsPerSecond);
  const maxResults = wholeNumber(input, 'MaxResults', 1, LIST_STREAMS_DEFAULT_MAX) ?? LIST_STREAMS_DEFAULT_MAX;
  const afterName = decodeToken(input.NextToken);
  const condition = input.StreamNameCondition;
  let prefix = '';
  if (typeof condition === 'object' && condition !== null) {
    const { ComparisonOperator: operator, ComparisonValue: value } = condition as Input;
    if (operator !== undefined && operator !== 'BEGINS_WITH') throw invalid('ComparisonOperator must be BEGINS_WITH.');
    if (typeof value !== 'string') throw invalid('ComparisonValue is required.');
    prefix = value;
  }
  const matching = plane.registry
    .all()
    .filter(({ definition }) => definition.streamName > afterName && definition.streamName.startsWith(prefix));
  const page = matching.slice(0, maxResults);
  const last = page.at(-1);
  return {
    StreamInfoList: page.map(streamInfo),
    ...(matching.length > page.length && last !== undefined
      ? { NextToken: Buffer.from(last.definition.streamName).toString('base64') }
      : {}),
  };
}

async function deleteStream(plane: ControlPlane, input: Input): Promise<unknown> {
  spend(plane, 'Control', plane.limits.otherControlPerSecond);
  if (input.StreamARN === undefined) throw invalid('StreamARN is required.');
  const stream = plane.registry.require(undefined, input.StreamARN);
  if (input.CurrentVersion !== undefined) sameVersion(stream, input);
  await plane.registry.remove(stream);
  plane.disconnect(stream.definition.streamName);
  return {};
}

async function getDataEndpoint(plane: ControlPlane, input: Input): Promise<unknown> {
  spend(plane, 'GetDataEndpoint', plane.limits.getDataEndpointPerSecond);
  if (!dataApiNames.has(String(input.APIName))) throw invalid(`APIName is unknown: ${String(input.APIName)}`);
  const stream = named(plane, input);
  spend(plane, `GetDataEndpoint:${stream.definition.streamName}`, plane.limits.getDataEndpointOneStreamPerSecond);
  return { DataEndpoint: plane.context.endpoint() };
}

async function updateDataRetention(plane: ControlPlane, input: Input): Promise<unknown> {
  const stream = changing(plane, input);
  sameVersion(stream, input);
  const change = wholeNumber(input, 'DataRetentionChangeInHours', 1, plane.limits.retentionHoursMax);
  if (change === null) throw invalid('DataRetentionChangeInHours is required.');
  const signs: Record<string, number> = { INCREASE_DATA_RETENTION: 1, DECREASE_DATA_RETENTION: -1 };
  const sign = signs[String(input.Operation)];
  if (sign === undefined) throw invalid('Operation must be INCREASE_DATA_RETENTION or DECREASE_DATA_RETENTION.');
  const retentionHours = stream.definition.retentionHours + sign * change;
  if (retentionHours < 0 || retentionHours > plane.limits.retentionHoursMax) {
    throw invalid(`The data retention would become ${retentionHours} hours.`);
  }
  await plane.registry.update(stream, { retentionHours });
  return {};
}

async function updateStream(plane: ControlPlane, input: Input): Promise<unknown> {
  const stream = changing(plane, input);
  sameVersion(stream, input);
  const deviceName = text(input, 'DeviceName', /^[a-zA-Z0-9_.-]{1,128}$/);
  const mediaType = text(input, 'MediaType', mediaTypePattern);
  await plane.registry.update(stream, {
    ...(deviceName === null ? {} : { deviceName }),
    ...(mediaType === null ? {} : { mediaType }),
  });
  return {};
}

async function tagStream(plane: ControlPlane, input: Input): Promise<unknown> {
  const stream = changing(plane, input);
  const tags = { ...stream.definition.tags, ...tagMap(input) };
  if (Object.keys(tags).length > plane.limits.tagsPerStreamMax) throw tooManyTags(plane);
  await plane.registry.update(stream, { tags }, false);
  return {};
}

async function untagStream(plane: ControlPlane, input: Input): Promise<unknown> {
  const stream = changing(plane, input);
  if (!Array.isArray(input.TagKeyList)) throw invalid('TagKeyList is required.');
  const gone = new Set(input.TagKeyList.map(String));
  const tags = Object.fromEntries(Object.entries(stream.definition.tags).filter(([key]) => !gone.has(key)));
  await plane.registry.update(stream, { tags }, false);
  return {};
}

async function listTagsForStream(plane: ControlPlane, input: Input): Promise<unknown> {
  return { Tags: changing(plane, input).definition.tags };
}

function streamInfo({ definition }: Stream) {
  return {
    StreamName: definition.streamName,
    StreamARN: definition.streamArn,
    Version: definition.version,
    Status: 'ACTIVE',
    CreationTime: definition.createdAtMs / 1000,
    DataRetentionInHours: definition.retentionHours,
    KmsKeyId: definition.kmsKeyId ?? defaultKmsKey(definition.streamArn),
    ...(definition.deviceName === null ? {} : { DeviceName: definition.deviceName }),
    ...(definition.mediaType === null ? {} : { MediaType: definition.mediaType }),
  };
}

/** The key that KVS owns, in the stream's region and account. */
function defaultKmsKey(streamArn: string): string {
  const [, , , region, accountId] = streamArn.split(':');
  return `arn:aws:kms:${region}:${accountId}:alias/aws/kinesisvideo`;
}

function named(plane: ControlPlane, input: Input): Stream {
  return plane.registry.require(input.StreamName, input.StreamARN);
}

function changing(plane: ControlPlane, input: Input): Stream {
  const stream = named(plane, input);
  spend(plane, `Control:${stream.definition.streamName}`, plane.limits.otherOneStreamPerSecond);
  return stream;
}

function sameVersion(stream: Stream, input: Input): void {
  if (input.CurrentVersion !== stream.definition.version) {
    throw new AwsError(400, 'VersionMismatchException', 'The stream version that you specified is not the latest.');
  }
}

function spend(plane: ControlPlane, key: string, perSecond: number): void {
  if (!plane.rates.take(key, perSecond)) {
    throw new AwsError(400, 'ClientLimitExceededException', `Rate exceeded: ${key}, ${perSecond} per second.`);
  }
}

function invalid(message: string): AwsError {
  return new AwsError(400, 'InvalidArgumentException', message);
}

function tooManyTags(plane: ControlPlane): AwsError {
  const message = `A stream carries at most ${plane.limits.tagsPerStreamMax} tags.`;
  return new AwsError(400, 'TagsPerResourceExceededLimitException', message);
}

function text(input: Input, member: string, pattern: RegExp): string | null {
  const value = input[member];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string' || !pattern.test(value)) throw invalid(`${member} does not match ${pattern.source}.`);
  return value;
}

function wholeNumber(input: Input, member: string, min: number, max: number): number | null {
  const value = input[member];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(`${member} must be a whole number of ${min} to ${max}.`);
  }
  return value;
}

function tagMap(input: Input): Record<string, string> {
  const tags = input.Tags ?? {};
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) throw invalid('Tags must be a map.');
  return Object.fromEntries(
    Object.entries(tags).map(([key, value]) => {
      if (key === '' || key.length > 128 || typeof value !== 'string' || value.length > 256) {
        throw invalid('A tag has a key of 1 to 128 characters and a value of at most 256.');
      }
      return [key, value];
    }),
  );
}

function decodeToken(token: unknown): string {
  if (token === undefined || token === null) return '';
  const name = Buffer.from(String(token), 'base64').toString();
  if (!namePattern.test(name)) throw invalid('NextToken is not one that ListStreams returned.');
  return name;
}

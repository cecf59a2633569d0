/**
 * ListObjectsV2 and ListObjects: pages of keys in order, folded by a delimiter.
 * Invariant: a continuation token names the last key or prefix given, so a listing neither skips nor repeats a key that
 * stays, whatever is put or deleted between its pages.
 */
import { AwsError } from '../http/aws-error.ts';
import { escapeXml } from '../http/respond.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';

const KEYS_PER_PAGE_MAX = 1000;
const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

type Page = { objects: StoredObject[]; prefixes: string[]; last: string | null };

export function listObjects(store: ObjectStore, bucket: string, query: URLSearchParams): string {
  const isV2 = query.get('list-type') === '2';
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const maxKeys = parseMaxKeys(query.get('max-keys'));
  const token = query.get('continuation-token');
  const after = isV2
    ? token === null
      ? (query.get('start-after') ?? '')
      : decodeToken(token)
    : (query.get('marker') ?? '');
  const page = pageOf(store, bucket, { prefix, delimiter, after, maxKeys });
  const asUrl = query.get('encoding-type') === 'url';
  const text = (value: string) => (asUrl ? encodeURIComponent(value).replaceAll('%2F', '/') : escapeXml(value));

  const contents = page.objects.map(
    (object) =>
      `<Contents><Key>${text(object.key)}</Key><LastModified>${new Date(object.lastModifiedMs).toISOString()}</LastModified>` +
      `<ETag>&quot;${object.etag}&quot;</ETag><Size>${object.size}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const prefixes = page.prefixes.map((folded) => `<CommonPrefixes><Prefix>${text(folded)}</Prefix></CommonPrefixes>`);
  const paging = isV2
    ? `<KeyCount>${page.objects.length + page.prefixes.length}</KeyCount>` +
      (token === null ? '' : `<ContinuationToken>${escapeXml(token)}</ContinuationToken>`) +
      (page.last === null ? '' : `<NextContinuationToken>${encodeToken(page.last)}</NextContinuationToken>`)
    : `<Marker>${text(after)}</Marker>${page.last === null ? '' : `<NextMarker>${text(page.last)}</NextMarker>`}`;
  return (
    `${XML_HEAD}<ListBucketResult ${NAMESPACE}><Name>${bucket}</Name><Prefix>${text(prefix)}</Prefix>` +
    (delimiter === '' ? '' : `<Delimiter>${text(delimiter)}</Delimiter>`) +
    `<MaxKeys>${maxKeys}</MaxKeys>${asUrl ? '<EncodingType>url</EncodingType>' : ''}` +
    `<IsTruncated>${page.last !== null}</IsTruncated>${paging}${contents.join('')}${prefixes.join('')}</ListBucketResult>`
  );
}

export function listBuckets(store: ObjectStore, accountId: string): string {
  const buckets = store
    .buckets()
    .map(
      ({ name, createdAtMs }) =>
        `<Bucket><Name>${name}</Name><CreationDate>${new Date(createdAtMs).toISOString()}</CreationDate></Bucket>`,
    );
  return (
    `${XML_HEAD}<ListAllMyBucketsResult ${NAMESPACE}><Owner><ID>${accountId}</ID></Owner>` +
    `<Buckets>${buckets.join('')}</Buckets></ListAllMyBucketsResult>`
  );
}

function pageOf(
  store: ObjectStore,
  bucket: string,
  { prefix, delimiter, after, maxKeys }: { prefix: string; delimiter: string; after: string; maxKeys: number },
): Page {
  const keys = store.sortedKeys(bucket);
  const page: Page = { objects: [], prefixes: [], last: null };
  if (maxKeys === 0) return page;
  let last = '';
  for (let index = firstNotBefore(keys, after > prefix ? after : prefix); index < keys.length; index++) {
    const key = keys[index] as string;
    if (!key.startsWith(prefix)) break;
    const fold = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const folded = fold < 0 ? null : key.slice(0, fold + delimiter.length);
    // A prefix that was given on an earlier page stands for every key below it.
    if (key <= after || (folded !== null && (folded === after || folded === page.prefixes.at(-1)))) continue;
    if (page.objects.length + page.prefixes.length === maxKeys) {
      page.last = last;
      break;
    }
    const object = store.get(bucket, key);
    if (folded !== null) page.prefixes.push(folded);
    else if (object !== undefined) page.objects.push(object);
    last = folded ?? key;
  }
  return page;
}

/** Binary search: buckets hold many snapshots. */
function firstNotBefore(keys: readonly string[], start: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

function parseMaxKeys(text: string | null): number {
  if (text === null) return KEYS_PER_PAGE_MAX;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new AwsError(400, 'InvalidArgument', 'max-keys must be a whole number.');
  return Math.min(value, KEYS_PER_PAGE_MAX);
}

function encodeToken(last: string): string {
  return Buffer.from(last).toString('base64url');
}

function decodeToken(token: string): string {
  return Buffer.from(token, 'base64url').toString();
}

/**
 * The tables (docs: data model), on demand, recoverable to any second of the last 35 days, named so that people can type
 * them, and the queue for stream records that could not be handled.
 * Invariant: a production stage keeps its tables when it is removed, and nobody deletes them by accident.
 */
import type { ResourceNames } from '../core/names.ts';
import type { Settings } from './settings.ts';

type Design = { key: [string] | [string, string]; hasStream?: true; timeToLive?: 'expiresAt' };

/** local/stage-resources.ts creates the same in the local cloud; test/deploy compares them. */
const designs = {
  cameras: { key: ['cameraId'], hasStream: true },
  cameraStates: { key: ['fleet', 'cameraId'] },
  workers: { key: ['fleet', 'workerId'], timeToLive: 'expiresAt' },
  fleets: { key: ['fleet'] },
  decisions: { key: ['fleet', 'at'], timeToLive: 'expiresAt' },
  detections: { key: ['cameraId', 'at#trackId'], timeToLive: 'expiresAt' },
  ledger: { key: ['cameraId', 'hour'], timeToLive: 'expiresAt' },
} as const satisfies Record<keyof ResourceNames['tables'], Design>;

export function registry(settings: Settings, names: ResourceNames) {
  const table = (id: keyof typeof designs) => {
    const { key, hasStream, timeToLive }: Design = designs[id];
    const [hashKey, rangeKey] = key;
    return new sst.aws.Dynamo(`${id[0]?.toUpperCase()}${id.slice(1)}`, {
      fields: Object.fromEntries(key.map((name) => [name, 'string'])),
      primaryIndex: { hashKey, ...(rangeKey === undefined ? {} : { rangeKey }) },
      ...(hasStream ? { stream: 'new-and-old-images' } : {}),
      ...(timeToLive === undefined ? {} : { ttl: timeToLive }),
      deletionProtection: settings.isProduction,
      transform: {
        table: (args) => {
          args.name = names.tables[id];
          args.serverSideEncryption = { enabled: true };
        },
      },
    });
  };
  const tables = {
    cameras: table('cameras'),
    cameraStates: table('cameraStates'),
    workers: table('workers'),
    fleets: table('fleets'),
    decisions: table('decisions'),
    detections: table('detections'),
    ledger: table('ledger'),
  } satisfies Record<keyof typeof designs, unknown>;
  return { tables };
}

export type Registry = ReturnType<typeof registry>;

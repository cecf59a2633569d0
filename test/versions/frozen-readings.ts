/**
 * FROZEN: what code of schema version 1 needs from the items that others write, as the first release read them. It is not
 * derived from today's types, so that a field which today's code renames, retypes or leaves out fails here before an older
 * worker or an older control loop meets it. More fields are allowed everywhere.
 * Invariant: changed only together with a schema version that no deployed code writes any more (docs/recovery.md).
 */
import { inflateRawSync } from 'node:zlib';
import * as z from 'zod';

const ms = z.number().int();
const count = z.number().int().min(0);
const version = z.literal(1);
const checkpoint = z.object({ fragmentNumber: z.string(), producerTimestampMs: ms });
const blindSpan = z.object({ fromMs: ms, toMs: ms, cause: z.string() });
const watch = z.object({ sinceMs: ms, throughMs: ms, blind: z.array(blindSpan).max(24) });
const dayWindow = z.object({ start: z.string(), end: z.string() });
const weekly = z.object({
  timeZone: z.string(),
  windows: z.array(dayWindow.extend({ days: z.array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])) })),
  exceptions: z.array(z.object({ date: z.string(), windows: z.array(dayWindow) })),
});

const camera = z.object({
  ...{ cameraId: z.string(), streamName: z.string(), enabled: z.boolean(), fleet: z.string(), priority: z.number() },
  stream: z.object({ create: z.boolean(), retentionHours: z.number() }),
  schedule: z.union([z.literal('always'), weekly]),
  override: z.object({ state: z.enum(['on', 'off']), until: z.string() }).optional(),
  detect: z.object({
    ...{ model: z.string(), fps: z.number(), confidence: z.number(), iou: z.number(), classes: z.array(z.string()) },
    motionGate: z.object({ enabled: z.boolean(), maxSkipMs: z.number(), sensitivity: z.number() }),
  }),
  regions: z.array(
    z.object({
      ...{
        name: z.string(),
        polygon: z.array(z.tuple([z.number(), z.number()])),
        mode: z.enum(['include', 'exclude']),
      },
      ...{ anchor: z.enum(['bottom-center', 'center', 'top-center']), classes: z.array(z.string()) },
      ...{ readText: z.boolean(), dwellMs: z.number().optional() },
    }),
  ),
  smoothing: z.object({ window: z.number(), minHits: z.number(), maxMissMs: z.number() }),
  text: z.object({ enabled: z.boolean(), classes: z.array(z.string()), charset: z.string(), pattern: z.string() }),
  snapshots: z.object({ on: z.enum(['enter', 'best', 'never']), annotate: z.boolean(), maxPerMinute: z.number() }),
});

/** A worker reads this of its own item, in the answer to its heartbeat. */
export const workersLists = z.object({
  assignments: z.record(
    z.string(),
    z.object({
      ...{ epoch: count, camera, assignedAtMs: ms },
      ...{ resumeAfter: checkpoint.optional(), watchedUntilMs: ms.optional() },
    }),
  ),
  standbys: z.record(z.string(), z.object({ streamName: z.string(), model: z.string(), sinceMs: ms })),
  drain: z
    .object({
      ...{ sinceMs: ms, reason: z.string(), keepInstance: z.literal(true).optional() },
      handover: z.object({ untilMs: ms.optional() }).optional(),
    })
    .optional(),
});

/** Control reads this of a worker's item. `running` and the lists are unpacked. */
export const heartbeat = z.object({
  ...{ fleet: z.string(), workerId: z.string(), schemaVersion: version, heartbeatAtMs: ms, startedAtMs: ms },
  ...{ taskArn: z.string(), containerInstanceArn: z.string(), instanceId: z.string(), revision: z.string() },
  ...{ lifecycle: z.enum(['starting', 'ready', 'draining', 'stopped']), provider: z.enum(['cuda', 'cpu']) },
  ...{ capacityInferencesPerSecond: z.number(), firstInferenceAtMs: ms.optional(), expiresAt: z.number().int() },
  running: z.record(
    z.string(),
    z.object({
      ...{ epoch: count, state: z.enum(['starting', 'running', 'silent', 'degraded', 'failing']), reason: z.string() },
      ...{
        fps: z.number(),
        grantedFps: z.number().optional(),
        framesInferred: count,
        detections: count,
        tracks: count,
      },
      ...{ dropped: z.record(z.string(), count), lastMediaAtMs: ms.optional(), lastInferenceAtMs: ms.optional() },
      ...{ firstInferenceAtMs: ms.optional(), watch },
      lastDetection: z.object({ label: z.string(), score: z.number(), atMs: ms }).optional(),
    }),
  ),
  standingBy: z.record(
    z.string(),
    z.object({ sinceMs: ms, state: z.enum(['opening', 'ready', 'failing']), reason: z.string() }),
  ),
});

const phase = z.enum([
  ...(['invalid', 'disabled', 'off-schedule', 'warming', 'waiting-capacity'] as const),
  ...(['silent', 'starting', 'running', 'degraded', 'shed'] as const),
]);

export const cameraState = z.object({
  ...{ fleet: z.string(), cameraId: z.string(), schemaVersion: version, camera: camera.nullable() },
  issues: z.array(z.object({ severity: z.enum(['error', 'warning']), path: z.string(), message: z.string() })),
  ...{ rowSequenceNumber: z.string().length(40), rowChangedAtMs: ms, phase, phaseReason: z.string(), phaseSinceMs: ms },
  ...{ ownerWorkerId: z.string().optional(), epoch: count, ownedSinceMs: ms.optional() },
  ...{ releaseRequestedAtMs: ms.optional(), successorWorkerId: z.string().optional() },
  ...{ successorSinceMs: ms.optional(), silentSinceMs: ms.optional(), accountedThroughMs: ms.optional() },
  leaving: z.object({ toFleet: z.string().nullable(), sinceMs: ms }).optional(),
  openWindow: z.object({ startMs: ms, cause: z.string() }).optional(),
  ...{ releasedEpoch: count.optional(), checkpoint: checkpoint.optional() },
  ...{ lastMediaAtMs: ms.optional(), lastInferenceAtMs: ms.optional(), watch: watch.optional() },
});

export const fleet = z.object({
  ...{ fleet: z.string(), schemaVersion: version, meteredThroughMs: ms, lastDecisionAtMs: ms },
  ...{ leadTimeSamplesMs: z.array(ms), leadTimeInstanceIds: z.array(z.string()) },
  leadTimesByType: z.record(z.string(), z.array(ms)),
  days: z.array(z.looseObject({ day: z.string() })),
  lock: z.object({ holder: z.string(), expiresAtMs: ms, rerunRequested: z.boolean() }).optional(),
});

const sizes = z.object({ instances: count, tasks: count });
export const decision = z.object({
  ...{ fleet: z.string(), at: z.iso.datetime({ precision: 3 }), schemaVersion: version, trigger: z.string() },
  ...{ inputs: z.record(z.string(), z.number()), desired: sizes, previous: sizes, reason: z.string() },
  ...{ problems: z.array(z.string()).optional(), actions: z.array(z.string()), expiresAt: z.number().int() },
  exceptions: z.array(z.object({ cameraId: z.string(), phase, reason: z.string() })),
});

const ledgerHour = z.object({
  ...{ cameraId: z.string(), hour: z.string().regex(/^\d{4}-\d\d-\d\dT\d\dZ$/), expiresAt: z.number().int() },
  ...{ scheduledSeconds: z.number(), inferredSeconds: z.number() },
});
const ledgerWindow = z.object({
  ...{ cameraId: z.string(), hour: z.string().startsWith('window#'), start: z.iso.datetime({ precision: 3 }) },
  ...{ outcome: z.enum(['hit', 'missed']), latenessMs: z.number(), cause: z.string().optional() },
});
export const ledgerItem = z.union([ledgerHour, ledgerWindow]);

export const eventTypes = ['Worker Ready', 'Standby Ready', 'Camera Released', 'Worker Drained'];
export const eventDetail = z.object({
  ...{ schemaVersion: version.optional(), fleet: z.string(), workerId: z.string(), cameraId: z.string().optional() },
});

/** Maps of more than some hundred bytes are packed: raw deflate of their JSON. */
export function unpack(value: unknown): unknown {
  return value instanceof Uint8Array ? JSON.parse(inflateRawSync(value).toString('utf8')) : value;
}

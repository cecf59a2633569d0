/**
 * Is this worker well? Invariant: `healthy` is false only for what a restart mends; `ready` is false also while the model
 * loads and until the first heartbeat has arrived.
 */
import type { WorkerEnvironment } from '../environment.ts';
import type { RecordPublisher } from '../publish/record-publisher.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import type { FleetMember } from './fleet-member.ts';
import type { Health } from './http-server.ts';
import type { LoadedModel, ModelPool } from './model-pool.ts';
import { modelGauges } from './worker-gauges.ts';

export function workerHealth(worker: {
  environment: Pick<WorkerEnvironment, 'providers'>;
  workerId: string;
  /** Null in standalone mode. */
  member: Pick<FleetMember, 'hasLostLease' | 'isFenced' | 'lifecycle'> | null;
  /** Null until the default model is ready. */
  main: LoadedModel | null;
  models: Pick<ModelPool, 'dead' | 'loaded'>;
  supervisor: Pick<CameraSupervisor, 'runs' | 'standbys'>;
  publisher: Pick<RecordPublisher, 'waiting' | 'lost'>;
}): Health {
  const { environment, member, main, models, supervisor, publisher } = worker;
  const problems: string[] = [];
  for (const [name, error] of models.dead) problems.push(`the inference thread of "${name}" is dead: ${error.message}`);
  if (member?.hasLostLease() === true) problems.push('the lease is lost: no heartbeat for 15 s, nothing is published');
  if (main !== null && environment.providers.includes('cuda') && main.client.provider !== 'cuda') {
    const why = main.client.providerFailures.map(({ provider, message }) => `${provider}: ${message}`).join('; ');
    problems.push(`a GPU was promised (WORKER_PROVIDERS) and the model runs on ${main.client.provider}: ${why}`);
  }
  const waits: string[] = [];
  if (main === null) waits.push('the default model is loading');
  if (member?.isFenced() === true && !member.hasLostLease()) waits.push('no heartbeat has arrived yet');
  const healthy = problems.length === 0;
  return {
    healthy,
    ready: healthy && waits.length === 0,
    problems: [...problems, ...waits],
    about: {
      workerId: worker.workerId,
      lifecycle: member?.lifecycle ?? 'standalone',
      provider: main?.client.provider ?? null,
      models: [...models.loaded].map(([name, model]) => ({
        ...modelGauges(name, model),
        inferencesPerSecond: model.client.measuredInferencesPerSecond,
      })),
      cameras: [...supervisor.runs()].map((run) => {
        const { state, reason, fps } = run.heartbeat();
        const { frames = null, decode = null, sessions = null, mediaErrors = {} } = run.report ?? {};
        const { cameraId, lagMs } = run;
        const records = { waiting: publisher.waiting(cameraId), lost: publisher.lost(cameraId) };
        return { cameraId, state, reason, fps, lagMs, frames, records, decode, sessions, mediaErrors };
      }),
      standbys: Object.entries(supervisor.standbys.heartbeat()).map(([cameraId, report]) => ({ cameraId, ...report })),
    },
  };
}

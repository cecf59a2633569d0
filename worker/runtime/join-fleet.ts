/**
 * Makes a worker a member of its fleet: which tables it speaks to, and what it says of itself in every heartbeat.
 * Invariant: it describes itself anew each time, so that a model that came later, or a first inference, is told once known.
 */
import type { AwsClients } from '../../aws/clients.ts';
import type { EcsAgent, TaskIdentity } from '../../aws/ecs-agent.ts';
import { controlLink } from '../../aws/heartbeat.ts';
import type { Clock } from '../../core/clock.ts';
import { resourceNames } from '../../core/names.ts';
import type { WorkerEnvironment } from '../environment.ts';
import type { DeliveryQueue } from '../publish/delivery-queue.ts';
import type { RecordPublisher } from '../publish/record-publisher.ts';
import type { CameraSupervisor } from './camera-supervisor.ts';
import { FleetMember } from './fleet-member.ts';
import type { Log } from './log.ts';
import type { LoadedModel } from './model-pool.ts';
import { TaskProtection } from './task-protection.ts';

export type JoiningWorker = {
  environment: Pick<WorkerEnvironment, 'inferencesPerSecondLimit'>;
  clients: AwsClients;
  clock: Clock;
  log: Log;
  supervisor: CameraSupervisor;
  agent: EcsAgent;
  /** Null outside ECS. */
  identity: TaskIdentity | null;
  workerId: string;
  startedAtMs: number;
  /** Null until the default model is ready. */
  mainModel: () => LoadedModel | null;
  publisher: Pick<RecordPublisher, 'unstoredSinceMs'>;
  deliveries: Pick<DeliveryQueue, 'failingSinceMs'>;
  onHeartbeat(outcome: 'succeeded' | 'failed' | 'fenced'): void;
  onServerTime(serverMs: number): void;
  onFenced(): void;
};

export function joinFleet(control: NonNullable<WorkerEnvironment['control']>, worker: JoiningWorker): FleetMember {
  const { environment, clients, clock, log, supervisor, agent, identity, workerId, startedAtMs } = worker;
  const { stage, fleet, accountId } = control;
  const names = resourceNames(stage, accountId, control.names);
  return new FleetMember({
    clock,
    log,
    supervisor,
    protection: new TaskProtection(agent, clock, log),
    control: controlLink(clients, {
      fleet,
      workerId,
      workersTable: names.tables.workers,
      cameraStatesTable: names.tables.cameraStates,
      eventSource: names.eventSource,
      onServerTime: worker.onServerTime,
    }),
    describe: () => {
      const main = worker.mainModel();
      const measured = main?.client.measuredInferencesPerSecond;
      const limit = environment.inferencesPerSecondLimit ?? Number.POSITIVE_INFINITY;
      const { firstInferenceAtMs } = supervisor;
      return {
        schemaVersion: 1,
        startedAtMs,
        ...(identity === null ? {} : identityFields(identity)),
        ...(main === null ? {} : { provider: main.client.provider }),
        ...(measured === undefined ? {} : { capacityInferencesPerSecond: Math.min(measured, limit) }),
        ...(firstInferenceAtMs === undefined ? {} : { firstInferenceAtMs }),
        unstoredSinceMs: earliest(worker.publisher.unstoredSinceMs, worker.deliveries.failingSinceMs),
      };
    },
    onHeartbeat: worker.onHeartbeat,
    onFenced: worker.onFenced,
  });
}

function identityFields({ taskArn, containerInstanceArn, instanceId, revision }: TaskIdentity) {
  return {
    taskArn,
    ...(containerInstanceArn === undefined ? {} : { containerInstanceArn }),
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(revision === undefined ? {} : { revision }),
  };
}

function earliest(...timesMs: (number | null)[]): number | null {
  const known = timesMs.filter((timeMs) => timeMs !== null);
  return known.length === 0 ? null : Math.min(...known);
}

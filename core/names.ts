/**
 * Names of everything a deployment creates, derived from the stage and the fleet alone, so that people can type them
 * and no part has to ask another. Invariant: the same stage and fleet give the same names everywhere.
 */
/** What a snapshot's key may begin with: up to five parts, no slash at either end, nothing a URL would have to escape. */
export const s3PrefixPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}){0,4}$/;

export type ResourceNames = {
  tables: {
    cameras: string;
    cameraStates: string;
    workers: string;
    fleets: string;
    decisions: string;
    detections: string;
    ledger: string;
  };
  cluster: string;
  capacityProvider: string;
  /** Kinesis Data Stream that carries frame and track records. */
  resultStream: string;
  /** S3 bucket of the snapshots. */
  resultBucket: string;
  /** EventBridge `source` of the events that workers put. */
  eventSource: string;
  /** And of those that the control loop puts, for whoever wants to hear. */
  controlEventSource: string;
  /** CloudWatch namespace of our own metrics. */
  metricNamespace: string;
};

/** Names that a deployment may choose itself (docs: deploy settings), because others already use them. */
export type ChosenNames = Partial<Pick<ResourceNames, 'cluster' | 'resultStream' | 'resultBucket'>>;

/** The chosen names among the environment's variables; what is absent or empty keeps its predictable name. */
export function chosenNames(environment: Readonly<Record<string, string | undefined>>): ChosenNames {
  const { ECS_CLUSTER_NAME: cluster, KDS_STREAM_NAME: resultStream, S3_BUCKET_NAME: resultBucket } = environment;
  return {
    ...(cluster ? { cluster } : {}),
    ...(resultStream ? { resultStream } : {}),
    ...(resultBucket ? { resultBucket } : {}),
  };
}

/** @param accountId part of the bucket's name alone, because bucket names are global. */
export function resourceNames(stage: string, accountId: string, chosen: ChosenNames = {}): ResourceNames {
  const prefix = `kvs-infer-${stage}`;
  return {
    tables: {
      cameras: `${prefix}-cameras`,
      cameraStates: `${prefix}-camera-states`,
      workers: `${prefix}-workers`,
      fleets: `${prefix}-fleets`,
      decisions: `${prefix}-decisions`,
      detections: `${prefix}-detections`,
      ledger: `${prefix}-ledger`,
    },
    cluster: `${prefix}-cluster`,
    capacityProvider: `${prefix}-gpu-capacity-provider`,
    resultStream: `${prefix}-results`,
    resultBucket: `${prefix}-results-${accountId}`,
    eventSource: 'kvs-infer.worker',
    controlEventSource: 'kvs-infer.control',
    metricNamespace: 'KvsInfer',
    ...chosen,
  };
}

/** Dimension `service` of the control loop's metrics: one series per fleet, whichever function saw it. */
export const controlMetricService = 'kvs-infer-control';

/** Of a container instance: the fleet whose it is. */
export const fleetAttribute = 'kvs-infer.fleet';

/** One fleet is one Auto Scaling group and one ECS service. */
export function fleetResourceNames(stage: string, fleet: string): { service: string; autoScalingGroup: string } {
  return {
    service: `kvs-infer-${stage}-${fleet}-service`,
    autoScalingGroup: `kvs-infer-${stage}-${fleet}-asg`,
  };
}

/** The first fleet has the plain name; ECS wants one provider for each Auto Scaling group. */
export function capacityProviderName(names: ResourceNames, fleets: readonly string[], fleet: string): string {
  return fleet === fleets[0] ? names.capacityProvider : `${names.capacityProvider}-${fleet}`;
}

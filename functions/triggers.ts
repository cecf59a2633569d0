/**
 * What calls the functions, and how: read by stacks/ for AWS and by local/stage.ts for the local cloud, so that what runs
 * on a laptop is triggered as what is deployed. Invariant: plain values, no imports; a stack can load it at synthesis.
 */

/** A run lasts seconds; sixty is the point from which the next minute would only wait for its lock. */
export const functionTimeoutSeconds = 60;

/** The stream of camera rows to camera-changed: one poison row costs its retries and nobody else's. */
export const rowStreamMapping = {
  batchSize: 100,
  bisectBatchOnFunctionError: true,
  maximumRetryAttempts: 5,
  maximumRecordAgeInSeconds: 3_600,
};

/** Ticks and events: the next minute does the same and knows more. */
export const eventInvocation = { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 300 };

/** From camera-changed, where the run that its rows ask for is to take its turn. */
export const rowsChanged = 'Cameras Changed';

/** `detail-type` of the events that capacity-changed wants to hear of, by who says them. */
export const capacityEventTypes = {
  task: ['ECS Task State Change'],
  containerInstance: ['ECS Container Instance State Change'],
  spotInterruption: ['EC2 Spot Instance Interruption Warning'],
  rebalance: ['EC2 Instance Rebalance Recommendation'],
  autoScaling: [
    'EC2 Instance Launch Successful',
    'EC2 Instance Launch Unsuccessful',
    'EC2 Instance Terminate Successful',
    'EC2 Instance Terminate Unsuccessful',
  ],
  worker: ['Worker Ready', 'Standby Ready', 'Camera Released', 'Worker Drained', 'Model Failed'],
  rows: [rowsChanged],
};

/**
 * After these cameras are blind, or will be at a time that nobody can put off: they are answered at once, and all others in
 * their turn. A task only when it has stopped. A camera that was released loses no frame: its next owner begins where it ended.
 */
export const urgentEventTypes: readonly string[] = [
  ...capacityEventTypes.spotInterruption,
  ...capacityEventTypes.rebalance,
  ...capacityEventTypes.task,
];

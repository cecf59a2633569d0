/**
 * The tables of a stage called "test" in a local cloud, for commands that are run against it as processes of their own.
 * Invariant: it is there from the first test of a file to the last, and no real key signs a call to it.
 */
import { afterAll, beforeAll } from 'vitest';
import { type AwsClients, awsClients } from '../../aws/clients.ts';
import { systemClock } from '../../core/clock.ts';
import { resourceNames } from '../../core/names.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud.ts';
import { inProcessRunner } from '../../local/compute/in-process-runner.ts';

export const region = 'eu-west-1';
export const localKeys = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
export const { tables } = resourceNames('test', '');

export type CloudStage = {
  readonly endpoint: string;
  readonly clients: AwsClients;
  /** Where AWS is, as the environment of a command tells it; which stage is meant it is told or not. */
  readonly environment: Record<string, string>;
};

export function cloudStage(): CloudStage {
  let cloud: LocalCloud;
  let clients: AwsClients;
  beforeAll(async () => {
    Object.assign(process.env, localKeys);
    cloud = await startLocalCloud({
      ...{ port: 0, portSearch: false, dataFolder: null, clock: systemClock, region },
      ...{ accountId: '123456789012', compute: { runner: inProcessRunner(async () => {}) } },
    });
    await cloud.createStageResources({ stage: 'test', fleets: [] });
    clients = awsClients({ region, endpoint: cloud.endpoint });
  });
  afterAll(async () => {
    clients?.destroy();
    await cloud?.close();
  });
  return {
    get endpoint() {
      return cloud.endpoint;
    },
    get clients() {
      return clients;
    },
    get environment() {
      return { ...localKeys, AWS_REGION: region, AWS_ENDPOINT_URL: cloud.endpoint };
    },
  };
}

import { expect, test } from 'vitest';
import { KvsInferError } from '../core/errors.ts';
import { decodesOnGpu, parseWorkerEnvironment } from './environment.ts';

const fleet = { AWS_REGION: 'eu-west-1', KVS_INFER_STAGE: 'prod', KVS_INFER_ACCOUNT_ID: '123456789012' };

function problemOf(variables: Record<string, string>): KvsInferError {
  try {
    parseWorkerEnvironment(variables);
  } catch (error) {
    if (error instanceof KvsInferError) return error;
  }
  throw new Error('expected a KvsInferError');
}

test('a deployment needs its region, stage and account; the rest has defaults', () => {
  expect(parseWorkerEnvironment(fleet)).toMatchObject({
    region: 'eu-west-1',
    control: { stage: 'prod', fleet: 'default', accountId: '123456789012' },
    http: { host: '0.0.0.0', port: 8080 },
    providers: ['cuda', 'cpu'],
    publishFrames: 'detections',
    snapshotPrefix: 'snapshots',
    decodeThreads: 1,
  });
});

test('the GPU decodes where one was promised, unless somebody says otherwise', () => {
  const on = (more: Record<string, string>) => decodesOnGpu(parseWorkerEnvironment({ ...fleet, ...more }));
  expect([on({}), on({ WORKER_PROVIDERS: 'cpu' }), on({ DECODE_DEVICE: 'cpu' })]).toEqual([true, false, false]);
  expect(problemOf({ ...fleet, DECODE_DEVICE: 'gpu' }).message).toContain(
    'DECODE_DEVICE="gpu": expected "auto" or "cpu"',
  );
});

test('the local endpoint keeps the worker on loopback; empty variables count as not set', () => {
  const environment = parseWorkerEnvironment({
    ...fleet,
    AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
    CONFIG_FILE: '',
    LOG_LEVEL: 'debug',
    WORKER_PROVIDERS: 'cpu',
  });
  expect(environment).toMatchObject({ http: { host: '127.0.0.1' }, providers: ['cpu'], logLevel: 'DEBUG' });
  expect(environment.configFile).toBeUndefined();
});

test('every wrong setting is named at once', () => {
  const error = problemOf({ HTTP_PORT: 'eighty', WORKER_PROVIDERS: 'tpu', PUBLISH_FRAMES: 'some' });
  expect(error.code).toBe('ENVIRONMENT_INVALID');
  for (const name of [
    'AWS_REGION is not set',
    'HTTP_PORT="eighty"',
    'WORKER_PROVIDERS="tpu"',
    'PUBLISH_FRAMES="some"',
    'KVS_INFER_STAGE is not set',
    'KVS_INFER_ACCOUNT_ID is not set',
  ]) {
    expect(error.message).toContain(name);
  }
});

test('standalone needs no control plane', () => {
  const environment = parseWorkerEnvironment({ AWS_REGION: 'eu-west-1', CONFIG_FILE: '/c.yaml', RESULT_STREAM: 'r' });
  expect(environment).toMatchObject({ control: null, configFile: '/c.yaml', results: { stream: 'r' } });
});

test('a stage wins over the file of the same image, and brings the names that its deployment chose', () => {
  const deployed = parseWorkerEnvironment({
    ...fleet,
    CONFIG_FILE: '/c.yaml',
    ECS_CLUSTER_NAME: 'shared',
    S3_BUCKET_NAME: '',
  });
  expect(deployed.control).toEqual({
    stage: 'prod',
    fleet: 'default',
    accountId: '123456789012',
    names: { cluster: 'shared' },
  });
  expect(deployed.configFile).toBeUndefined();
  expect(problemOf({ AWS_REGION: 'eu-west-1', KVS_INFER_STAGE: 'prod', CONFIG_FILE: '/c.yaml' }).message).toContain(
    'KVS_INFER_ACCOUNT_ID is not set',
  );
});

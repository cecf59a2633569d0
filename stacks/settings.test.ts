import { describe, expect, it } from 'vitest';
import { KvsInferError } from '../core/errors.ts';
import { registeredMemoryMib, shapeOf } from './instance-types.ts';
import { parseSettings } from './settings.ts';

const region = { AWS_REGION: 'ap-southeast-1' };

function refusal(settings: Record<string, string>, stage = 'test'): string {
  try {
    parseSettings(settings, stage);
  } catch (error) {
    if (error instanceof KvsInferError && error.code === 'SETTINGS_INVALID') return error.message;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('settings', () => {
  it('need nothing but a region', () => {
    expect(parseSettings(region, 'test')).toMatchObject({
      region: 'ap-southeast-1',
      fleets: ['default'],
      network: { mode: 'nat', existing: null },
      capacity: { instanceTypes: ['g4dn.xlarge', 'g4dn.2xlarge'], minWorkers: 0, maxWorkers: 10 },
      task: { cpuUnits: 4096, httpPort: 8080 },
      logLevel: 'INFO',
      isProduction: false,
    });
  });

  it('an empty value is not set', () => {
    expect(
      parseSettings({ ...region, VPC_ID: '', ALARM_EMAIL: ' ', MAX_WORKERS: '' }, 'test').capacity.maxWorkers,
    ).toBe(10);
  });

  it('every wrong setting is in one message, each with its fix', () => {
    const message = refusal(
      {
        INSTANCE_TYPES: 'p9.huge,g4dn.12xlarge',
        MIN_WORKERS: '5',
        MAX_WORKERS: '2',
        VPC_ID: 'vpc-0123456789abcdef0',
        KVS_STREAM_PREFIX: 'gate 1/',
        LOG_LEVEL: 'loud',
        MODEL_MEMORY_MB: 'plenty',
        LOG_RETENTION_DAYS: '31',
        S3_BUCKET_NAME: 'My_Bucket',
        ALARM_EMAIL: 'nobody',
        IMAGE_URI: 'repo/kvs-infer:latest',
        HTTP_PORT: '80',
        FLEETS: 'Docks',
        NETWORK: 'internet',
        MODELS: 'yolo=models/yolo.onnx',
      },
      'My_Stage',
    );
    for (const words of [
      'AWS_REGION is not set (give a region such as ap-southeast-1)',
      'p9.huge is unknown',
      'g4dn.12xlarge has several GPUs',
      'MIN_WORKERS=5 is more than MAX_WORKERS=2',
      'VPC_ID without both private subnets',
      'KVS_STREAM_PREFIX="gate 1/"',
      'MODEL_MEMORY_MB="plenty"',
      'LOG_LEVEL="loud": choose DEBUG, INFO, WARN or ERROR',
      'LOG_RETENTION_DAYS="31": choose one of 1, 3',
      'S3_BUCKET_NAME="My_Bucket"',
      'ALARM_EMAIL="nobody"',
      'IMAGE_URI="repo/kvs-infer:latest": give an image by digest',
      'HTTP_PORT="80"',
      'FLEETS="Docks"',
      'NETWORK="internet": choose nat, nat-instance or endpoints',
      'must be named default',
      'stage "My_Stage"',
    ]) {
      expect(message).toContain(words);
    }
    expect(message.startsWith(`${message.split('\n').length - 1} wrong settings:`)).toBe(true);
  });

  it('one is one, and an unknown type is answered with those that there are', () => {
    const settings = { AWS_REGION: 'eu-west-1', INSTANCE_TYPES: 'p3.2xlarge' };
    expect(refusal(settings)).toMatch(/^1 wrong setting:\n/);
    expect(refusal(settings)).toContain(
      'choose of g4dn, g5, g6, g6e, each as xlarge, 2xlarge, 4xlarge, 8xlarge, 16xlarge',
    );
  });

  it('subnets without a VPC, and the same subnet twice, are refused', () => {
    const PRIVATE_SUBNET_1 = 'subnet-0123456789abcdef0';
    expect(refusal({ ...region, PRIVATE_SUBNET_1 })).toContain('PRIVATE_SUBNET_1 without VPC_ID');
    const VPC_ID = 'vpc-0123456789abcdef0';
    expect(refusal({ ...region, VPC_ID, PRIVATE_SUBNET_1, PRIVATE_SUBNET_2: PRIVATE_SUBNET_1 })).toContain(
      'are the same subnet',
    );
  });

  it('a task that could never be placed is refused, and the default is one that can', () => {
    const xlarge = shapeOf('g4dn.xlarge');
    const { task } = parseSettings(region, 'test');
    expect(task.memoryMib).toBeLessThanOrEqual(registeredMemoryMib(xlarge as NonNullable<typeof xlarge>));
    expect(task.memoryMib).toBeGreaterThan(14_000);
    expect(refusal({ ...region, TASK_MEMORY_MIB: '16384' })).toContain('can never be placed on a g4dn.xlarge');
    expect(refusal({ ...region, TASK_CPU: '8192' })).toContain(
      'TASK_CPU=8192 can never be placed on a g4dn.xlarge, which registers 4096',
    );
    expect(
      parseSettings({ ...region, TASK_MEMORY_MIB: '16384', INSTANCE_TYPES: 'g4dn.2xlarge' }, 'test').task.memoryMib,
    ).toBe(16_384);
  });

  it('endpoints that an existing VPC has are ones that are used, and need that VPC', () => {
    const message = refusal({ ...region, VPC_ENDPOINTS_PRESENT: 's3,sqs' });
    expect(message).toContain('VPC_ENDPOINTS_PRESENT: nothing here uses sqs (choose of ecr.api');
    expect(message).toContain('VPC_ENDPOINTS_PRESENT without VPC_ID');
  });

  it('production is the stage of that name', () => {
    expect(parseSettings(region, 'production').isProduction).toBe(true);
  });
});

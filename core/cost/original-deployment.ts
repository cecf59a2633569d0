/**
 * The deployment that this system replaces, as its own estimate of October 2025 described it: the figures that it
 * printed, and the quantities that lead to them. Its table says ap-southeast-1, but its figures are those of us-east-1
 * (0.526 x 720 = 379 for the GPU, 0.045 for NAT), and its NAT line leaves out the video that passes through the NAT.
 * Invariant: with the prices of us-east-1 the quantities give every printed figure within a dollar, and the total within 1 %.
 */
import { hoursPerMonth, type LinePlan } from './bill.ts';

/** Its KVS figure fits 5 Mbit/s per camera, written once, read once and kept for 24 hours. */
export const originalBitrateMbps = 5;
const cameras = 4;
const videoGb = cameras * hoursPerMonth * gbPerHour(originalBitrateMbps);
/** Its KDS figure is more than a shard costs; a record per camera and frame at 30 fps comes nearest. */
const recordsMillions = (cameras * 30 * hoursPerMonth * 3_600) / 1e6;

export type OriginalLine = LinePlan & { publishedUsd: number };

export const originalTotalUsd = 635;

export const originalDeployment: readonly OriginalLine[] = [
  {
    name: 'GPU instances',
    configuration: 'one g4dn.xlarge, 24 x 7',
    items: [{ price: 'ec2.g4dn.xlarge.onDemandHour', quantity: hoursPerMonth }],
    publishedUsd: 380,
  },
  {
    name: 'NAT',
    configuration: 'one gateway, 100 GB',
    items: [
      { price: 'nat.hour', quantity: hoursPerMonth },
      { price: 'nat.gb', quantity: 100 },
    ],
    publishedUsd: 37,
  },
  {
    name: 'VPC endpoints',
    configuration: 'five interface endpoints in one zone',
    items: [{ price: 'endpoint.hour', quantity: 5 * hoursPerMonth }],
    publishedUsd: 36,
  },
  {
    name: 'CloudWatch logs',
    configuration: '50 GB, kept for 7 days',
    items: [
      { price: 'logs.ingestGb', quantity: 50 },
      { price: 'logs.storeGbMonth', quantity: (50 * 7) / 30 },
    ],
    publishedUsd: 25,
  },
  {
    name: 'Container Insights',
    configuration: 'one task',
    items: [{ price: 'containerInsights.taskMonth', quantity: 1 }],
    publishedUsd: 0.3,
  },
  {
    name: 'ECR',
    configuration: '10 GB of images',
    items: [{ price: 'ecr.gbMonth', quantity: 10 }],
    publishedUsd: 1,
  },
  {
    name: 'S3',
    configuration: '1 TB of snapshots',
    items: [{ price: 's3.gbMonth', quantity: 1_000 }],
    publishedUsd: 23,
  },
  {
    name: 'DynamoDB',
    configuration: 'one million writes',
    items: [{ price: 'dynamodb.millionWrites', quantity: 1 }],
    publishedUsd: 1.25,
  },
  {
    name: 'Kinesis Data Streams',
    configuration: 'one shard, 4 cameras x 30 records/s',
    items: [
      { price: 'kinesis.shardHour', quantity: hoursPerMonth },
      { price: 'kinesis.millionPuts', quantity: recordsMillions },
    ],
    publishedUsd: 16,
  },
  {
    name: 'Kinesis Video Streams',
    configuration: '4 streams x 720 h at 5 Mbit/s, kept for 24 h',
    items: [
      { price: 'kvs.gbIn', quantity: videoGb },
      { price: 'kvs.gbOut', quantity: videoGb },
      { price: 'kvs.gbMonth', quantity: videoGb / 30 },
    ],
    publishedUsd: 116,
  },
];

/** Decimal gigabytes, as AWS bills. */
export function gbPerHour(bitrateMbps: number): number {
  return (bitrateMbps * 3_600) / 8 / 1_000;
}

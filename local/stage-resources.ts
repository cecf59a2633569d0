/**
 * What `sst deploy` creates for a stage, created in the local cloud: the tables with the keys of the data model, the
 * result stream and bucket, and each fleet's group and service.
 * Invariant: creating a stage that exists changes nothing that holds data, so a restart keeps what it finds.
 */
import { type ResourceNames, resourceNames } from '../core/names.ts';
import type { FleetDefinition, FleetNames } from './compute/fleet.ts';
import type { ComputeService } from './compute/service.ts';
import type { DynamoService } from './dynamodb/service.ts';
import { AwsError } from './http/aws-error.ts';
import type { KinesisService } from './kinesis/service.ts';
import type { S3Service } from './s3/service.ts';

export type StageDefinition = {
  stage: string;
  /** Fleets to create; their names are in core/names.ts. */
  fleets: Omit<FleetDefinition, 'stage'>[];
};
export type StageResources = { names: ResourceNames; fleets: FleetNames[] };

type TableDesign = { key: [string] | [string, string]; stream?: 'NEW_AND_OLD_IMAGES'; timeToLive?: 'expiresAt' };

/** Keys, stream and TTL of every table (docs: data model). */
const tableDesigns: Record<keyof ResourceNames['tables'], TableDesign> = {
  cameras: { key: ['cameraId'], stream: 'NEW_AND_OLD_IMAGES' },
  cameraStates: { key: ['fleet', 'cameraId'] },
  workers: { key: ['fleet', 'workerId'], timeToLive: 'expiresAt' },
  fleets: { key: ['fleet'] },
  decisions: { key: ['fleet', 'at'], timeToLive: 'expiresAt' },
  detections: { key: ['cameraId', 'at#trackId'], timeToLive: 'expiresAt' },
  ledger: { key: ['cameraId', 'hour'], timeToLive: 'expiresAt' },
};

export async function createStageResources(
  services: { dynamo: DynamoService; s3: S3Service; kinesis: KinesisService; compute: ComputeService },
  accountId: string,
  { stage, fleets }: StageDefinition,
): Promise<StageResources> {
  const names = resourceNames(stage, accountId);
  for (const [table, design] of Object.entries(tableDesigns)) {
    await createTable(services.dynamo, names.tables[table as keyof ResourceNames['tables']], design);
  }
  await services.s3.createBucket(names.resultBucket);
  await services.kinesis.createStream(names.resultStream, 1);
  return { names, fleets: fleets.map((fleet) => services.compute.createFleet({ stage, ...fleet })) };
}

/** Brings the table to its design, step by step: an earlier process may have been killed between two of them. */
async function createTable(dynamo: DynamoService, TableName: string, { key, stream, timeToLive }: TableDesign) {
  const specification = { StreamSpecification: { StreamEnabled: true, StreamViewType: stream } };
  try {
    await dynamo.call('CreateTable', {
      TableName,
      AttributeDefinitions: key.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: key.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
      BillingMode: 'PAY_PER_REQUEST',
      ...(stream === undefined ? {} : specification),
    });
  } catch (error) {
    if (!(error instanceof AwsError && error.code === 'ResourceInUseException')) throw error;
    const { Table } = (await dynamo.call('DescribeTable', { TableName })) as { Table: { LatestStreamArn?: string } };
    if (stream !== undefined && Table.LatestStreamArn === undefined) {
      await dynamo.call('UpdateTable', { TableName, ...specification });
    }
  }
  await dynamo.call('UpdateContinuousBackups', {
    TableName,
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
  });
  if (timeToLive === undefined) return;
  const { TimeToLiveDescription } = (await dynamo.call('DescribeTimeToLive', { TableName })) as {
    TimeToLiveDescription: { TimeToLiveStatus: string };
  };
  if (TimeToLiveDescription.TimeToLiveStatus === 'ENABLED') return;
  await dynamo.call('UpdateTimeToLive', {
    TableName,
    TimeToLiveSpecification: { Enabled: true, AttributeName: timeToLive },
  });
}

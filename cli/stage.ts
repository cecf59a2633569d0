/**
 * A deployed stage as the commands about its cameras and fleets reach it: its tables by their predictable names, with the
 * usual credentials, in `AWS_REGION` or at `AWS_ENDPOINT_URL`. Invariant: connections are closed however the work ends.
 */
import type { Command } from 'commander';
import type { AwsClients } from '../aws/clients.ts';
import { KvsInferError } from '../core/errors.ts';
import { type ResourceNames, resourceNames } from '../core/names.ts';

export type StageOptions = { stage?: string; json?: true };
export type Stage = { clients: AwsClients; tables: ResourceNames['tables']; stage: string };

export function withStageOptions(command: Command): Command {
  return command
    .option('--stage <stage>', 'stage of the deployment; or set KVS_INFER_STAGE')
    .option('--json', 'print one JSON document');
}

export async function onStage<Result>(options: StageOptions, work: (stage: Stage) => Promise<Result>): Promise<Result> {
  const stage = options.stage ?? process.env.KVS_INFER_STAGE;
  if (stage === undefined || stage === '') {
    throw new KvsInferError('STAGE_MISSING', 'no stage was given', {
      hint: 'give it with --stage, or set KVS_INFER_STAGE; "local" is the one of npm start',
    });
  }
  const { awsClients } = await import('../aws/clients.ts');
  const clients = awsClients({ region: process.env.AWS_REGION ?? 'us-east-1' });
  try {
    return await work({ clients, tables: resourceNames(stage, '').tables, stage });
  } finally {
    clients.destroy();
  }
}

/** The row as typed. @throws KvsInferError CAMERA_NOT_FOUND */
export async function rowOf({ clients, tables }: Stage, cameraId: string): Promise<Record<string, unknown>> {
  const { readCameraRow } = await import('../aws/camera-row.ts');
  const row = await readCameraRow(clients, tables.cameras, cameraId);
  if (row !== null) return row;
  throw new KvsInferError('CAMERA_NOT_FOUND', `${tables.cameras} has no camera "${cameraId}"`, {
    hint: 'check the id and the stage',
  });
}

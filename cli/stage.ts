/**
 * A deployed stage as the commands about its cameras and fleets reach it: its tables by their predictable names, with the
 * usual credentials, wherever `aws-options.ts` says that AWS is. Without a stage it is that of the `npm start` which runs
 * here, if one does. Invariant: connections are closed however the work ends; a mistyped id names the one that was meant.
 */
import { type Command, Option } from 'commander';
import type { AwsClients } from '../aws/clients.ts';
import { KvsInferError } from '../core/errors.ts';
import { type ResourceNames, resourceNames } from '../core/names.ts';
import { nearestName } from '../core/nearest-name.ts';
import { type AwsOptions, connectionFor, withAwsOptions } from './aws-options.ts';
import { findLocalStage, localStage } from './local-endpoint.ts';

/** Stages that a hint lists. */
const stagesNamedMax = 8;

export type StageOptions = AwsOptions & { stage?: string; json?: true };
export type Stage = { clients: AwsClients; tables: ResourceNames['tables']; stage: string };

export function withStageOptions(command: Command): Command {
  return withAwsOptions(
    command
      .addOption(new Option('--stage <stage>', 'stage of the deployment; or set KVS_INFER_STAGE'))
      .option('--json', 'print one JSON document'),
  );
}

export async function onStage<Result>(options: StageOptions, work: (stage: Stage) => Promise<Result>): Promise<Result> {
  const stage = options.stage || process.env.KVS_INFER_STAGE || (await stageThatRunsHere(options));
  const connection = await connectionFor(stage, options);
  const { awsClients } = await import('../aws/clients.ts');
  const clients = awsClients(connection);
  try {
    return await work({ clients, tables: resourceNames(stage, '').tables, stage });
  } catch (error) {
    throw await stageNotFound(error, clients, stage);
  } finally {
    clients.destroy();
  }
}

/** A table that is missing is mostly a stage that was mistyped. @returns what is to be thrown. */
async function stageNotFound(error: unknown, clients: AwsClients, stage: string): Promise<unknown> {
  if (!(error instanceof KvsInferError && error.code === 'AWS_NOT_FOUND')) return error;
  const { listStages } = await import('../aws/stage-list.ts');
  const stages = await listStages(clients).catch(() => null);
  if (stages === null || stages.includes(stage)) return error;
  const nearest = nearestName(stage, stages);
  const there = stages.length === 0 ? 'there is none' : `there is ${stages.slice(0, stagesNamedMax).join(', ')}`;
  return new KvsInferError('STAGE_NOT_FOUND', `there is no stage "${stage}" in ${clients.region}`, {
    hint: `${nearest === undefined ? '' : `did you mean ${nearest}? `}${there}; check --stage, --region and --profile`,
    cause: error,
  });
}

/** Whoever names a place in AWS means a stage there, and has to name that too. @throws KvsInferError STAGE_MISSING */
async function stageThatRunsHere({ profile, region, endpointUrl }: AwsOptions): Promise<string> {
  const namesPlace = [profile, region, endpointUrl].some((option) => option !== undefined);
  if (!namesPlace && (await findLocalStage()) !== null) {
    if (process.stderr.isTTY) console.error(`stage ${localStage}: the "npm start" that runs here`);
    return localStage;
  }
  throw new KvsInferError('STAGE_MISSING', 'no stage was given', {
    hint: 'give it with --stage, or set KVS_INFER_STAGE; "local" is the one of npm start',
  });
}

/** The row as typed. @throws KvsInferError CAMERA_NOT_FOUND */
export async function rowOf({ clients, tables }: Stage, cameraId: string): Promise<Record<string, unknown>> {
  const { readCameraRow } = await import('../aws/camera-row.ts');
  const row = await readCameraRow(clients, tables.cameras, cameraId);
  if (row !== null) return row;
  const meant = await nearestOf(cameraId, async () => {
    const { listCameraRows } = await import('../aws/camera-registry.ts');
    return (await listCameraRows(clients, tables.cameras)).map((other) => String(other.cameraId));
  });
  throw new KvsInferError('CAMERA_NOT_FOUND', `${tables.cameras} has no camera "${cameraId}"`, {
    hint: `${meant}check the id and the stage`,
  });
}

/** @returns the error for a fleet that is not there, with the name that was probably meant. */
export async function fleetNotFound({ clients, tables, stage }: Stage, fleet: string): Promise<KvsInferError> {
  const meant = await nearestOf(fleet, async () => {
    const { listFleets } = await import('../aws/fleet-list.ts');
    return (await listFleets(clients, tables.fleets)).map((other) => other.fleet);
  });
  return new KvsInferError('FLEET_NOT_FOUND', `stage ${stage} has no fleet "${fleet}"`, {
    hint: `${meant}check the name; a fleet is there once the control loop has run for it`,
  });
}

/** A suggestion must not hide the error it belongs to: whoever may not list gets none. */
async function nearestOf(name: string, list: () => Promise<string[]>): Promise<string> {
  const names = await list().catch(() => []);
  const nearest = nearestName(name, names);
  return nearest === undefined ? '' : `did you mean ${nearest}? `;
}

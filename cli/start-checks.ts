/**
 * What `npm start` makes sure of before it draws a single scene: drawing takes minutes the first time, and a typing error
 * must not cost them. Invariant: each failure is the named error that the later step would end with, and nothing is left
 * behind but the state folder and the prepared model in its cache.
 */
import { constants, existsSync } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { KvsInferError } from '../core/errors.ts';
import { readCameraFile } from './camera-file.ts';

export type StartFacts = {
  folder: string;
  modelPath: string;
  report: string | undefined;
  port: number | undefined;
  cameras: string | undefined;
};

/**
 * @returns the rows of `cameras`, or null when none were given.
 * @throws KvsInferError MODEL_NOT_FOUND, MODEL_UNUSABLE, CAMERA_FILE_*, FOLDER_UNWRITABLE, REPORT_NOT_WRITTEN, PORT_BUSY
 */
export async function checkStart(facts: StartFacts): Promise<Record<string, unknown>[] | null> {
  if (!existsSync(facts.modelPath)) {
    throw new KvsInferError('MODEL_NOT_FOUND', `no file at ${facts.modelPath}`, {
      hint: 'give --model the path of an ONNX file',
    });
  }
  const rows = facts.cameras === undefined ? null : (await readCameraFile(facts.cameras)).map(namedRow);
  await makeFolder(facts.folder);
  if (facts.report !== undefined) await checkReportFolder(facts.report);
  if (facts.port !== undefined) await checkPort(facts.port);
  // The cache is the workers' own: what is prepared here is not prepared again.
  const { prepareModel } = await import('../worker/detect/prepare-model.ts');
  await prepareModel(facts.modelPath, { cacheFolder: join(facts.folder, 'cache') });
  return rows;
}

function namedRow(row: unknown, index: number): Record<string, unknown> {
  if (typeof row === 'object' && row !== null && typeof (row as { cameraId?: unknown }).cameraId === 'string')
    return row as Record<string, unknown>;
  throw new KvsInferError('CAMERA_FILE_INVALID', `row ${index + 1}: expected a camera row with a cameraId`, {
    hint: 'run "kvs-infer camera check" on the file',
  });
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new KvsInferError('FOLDER_UNWRITABLE', `cannot write in ${folder}: ${reason(cause)}`, {
      hint: 'choose another with --folder',
      cause,
    });
  }
}

async function checkReportFolder(report: string): Promise<void> {
  try {
    await access(dirname(resolve(report)), constants.W_OK);
  } catch (cause) {
    throw new KvsInferError('REPORT_NOT_WRITTEN', `cannot write ${report}: ${reason(cause)}`, {
      hint: 'choose a folder that exists and can be written to',
      cause,
    });
  }
}

async function checkPort(port: number): Promise<void> {
  const { listenOnLoopback } = await import('../local/http/listen.ts');
  const server = createServer();
  await listenOnLoopback(server, port, false);
  await new Promise((closed) => server.close(closed));
}

function reason(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}

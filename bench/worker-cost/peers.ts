/**
 * What people use instead, run on the same clip, model and rate: Python programs beside this file, each printing what CPU
 * time its steady part took. They are measured where their packages are installed and skipped with the reason elsewhere.
 * Invariant: loading and the first frames are not counted, as they are not for the worker.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export type Peer = { name: string; program: string; imports: string };

export const peers: readonly Peer[] = [
  { name: 'OpenCV + onnxruntime loop', program: 'opencv_onnxruntime.py', imports: 'cv2, onnxruntime' },
  { name: 'ultralytics predict', program: 'ultralytics_predict.py', imports: 'ultralytics, onnxruntime' },
  { name: 'Roboflow inference pipeline', program: 'roboflow_pipeline.py', imports: 'inference, onnxruntime' },
];

export type PeerPlace = { python: string };
export type PeerTask = { modelPath: string; clip: string; fps: number; sourceFps: number };

const folder = new URL('./peers/', import.meta.url);
const runMaxMs = 300_000;
const run = promisify(execFile);

/** @returns where Python is, or why nothing can be measured. */
export async function peerPlace(): Promise<PeerPlace | string> {
  const python = process.env.KVS_INFER_BENCH_PYTHON;
  if (python === undefined) {
    return 'set KVS_INFER_BENCH_PYTHON to a Python with the packages of bench/worker-cost/peers/requirements.txt';
  }
  try {
    await run(python, ['--version']);
    return { python };
  } catch (error) {
    return `KVS_INFER_BENCH_PYTHON cannot be run: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** @returns CPU seconds per second of video. @throws when a package is missing or the program fails. */
export async function runPeer(peer: Peer, { python }: PeerPlace, task: PeerTask): Promise<number> {
  await run(python, ['-c', `import ${peer.imports}`]).catch(() => {
    throw new Error(`its packages are not installed (import ${peer.imports})`);
  });
  const program = fileURLToPath(new URL(peer.program, folder));
  const words = [task.clip, task.modelPath, String(Math.round(task.sourceFps / task.fps))];
  const { stdout } = await run(python, [program, ...words], {
    timeout: runMaxMs,
    env: { ...process.env, OMP_NUM_THREADS: '1', YOLO_VERBOSE: 'false', YOLO_OFFLINE: 'true' },
    maxBuffer: 16 * 1024 * 1024,
  });
  const said = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as { cpuSeconds?: number; mediaSeconds?: number };
  const { cpuSeconds = 0, mediaSeconds = 0 } = said;
  if (!(cpuSeconds > 0 && mediaSeconds > 0)) throw new Error(`it said ${JSON.stringify(said)}`);
  return cpuSeconds / mediaSeconds;
}

/**
 * `npm start`: the whole system on this machine, with nothing but this repository. Prepares scenes and model, starts the
 * local system, shows what it does, and sums it up. Contract: `--for` ends by itself and `--report` writes its figures
 * (design: contracts); Ctrl-C ends it in order, and leaves no process behind.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { SingleBar } from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../core/clock.ts';
import type { Decision } from '../core/control/record.ts';
import type { DemoCamera } from '../local/demo/demo-cameras.ts';
import type { LocalSystem } from '../local/demo/local-system.ts';
import type { SceneClip } from '../local/scenes/clip.ts';
import { announceLocalStage, localFolder } from './local-endpoint.ts';
import { openBrowser } from './open-browser.ts';
import { cameraLines, describeDecision, RunScreen } from './run-screen.ts';
import { checkStart } from './start-checks.ts';

const LOOK_INTERVAL_MS = 1_000;
/** One Ctrl-C or hang-up may arrive twice: from the terminal, and from npm or a shell that passes it on. */
const SIGNAL_ECHO_MS = 500;
/** What a timer of Node holds; beyond, it would fire at once. */
const RUN_SECONDS_MAX = 2_147_483;

type StartOptions = {
  for?: number;
  report?: string;
  cameras?: string;
  model?: string;
  port?: number;
  fresh?: true;
  open?: true;
  folder: string;
};

export function startCommand(program: Command): void {
  program
    .command('start')
    .description('run the whole system on this machine, with drawn scenes for cameras, until Ctrl-C')
    .option('--for <seconds>', 'stop after so long', positive)
    .option('--report <report.json>', 'write the figures of the run')
    .option('--cameras <cameras.yaml>', 'camera rows of your own, each filmed from a drawn scene')
    .option('--model <model.onnx>', 'a YOLOv8, YOLO11 or YOLOX detector of your own')
    .option('--port <N>', 'port of the local cloud; 4566 or the next free one when left out', portNumber)
    .option('--fresh', 'forget the state of earlier runs')
    .option('--open', 'open the dashboard in the browser')
    .option('--folder <folder>', 'where state, scenes and logs are kept', localFolder)
    .addHelpText(
      'after',
      '\nExamples:\n  $ npm start -- --open\n  $ npm start -- --for 90 --report report.json\n  $ npm start -- --model yolo11n.onnx --cameras cameras.yaml',
    )
    .action(start);
}

async function start(options: StartOptions): Promise<void> {
  const folder = resolve(options.folder);
  const modelPath = resolve(options.model ?? fileURLToPath(new URL('../models/demo-detector.onnx', import.meta.url)));
  const { report: reportPath, port, cameras: camerasPath } = options;
  const rows = await checkStart({ folder, modelPath, report: reportPath, port, cameras: camerasPath });
  const clips = await makeClips(join(folder, 'clips'));
  await buildDashboard();

  // Loaded here, so that other commands of the line start without them.
  const { demoCameras, spareStreamName } = await import('../local/demo/demo-cameras.ts');
  const { startLocalSystem } = await import('../local/demo/local-system.ts');
  const { RunObserver } = await import('../local/demo/run-observer.ts');
  const { describeReport, writeReport } = await import('../local/demo/run-report.ts');
  const { demoInferencesPerSecond, localRegion } = await import('../local/demo/settings.ts');

  const screen = new RunScreen();
  const decisions: Decision[] = [];
  const system = await startLocalSystem({
    folder,
    port: options.port ?? null,
    fresh: options.fresh ?? false,
    modelPath,
    inferencesPerSecondLimit: rows === null ? demoInferencesPerSecond : null,
    onDecision: (decision) => decisions.push(decision),
    onWarning: (line) => screen.line(line),
  });
  const { url } = system.dashboard;
  const { endpoint } = system.cloud;
  const retract = announceLocalStage(folder, { endpoint, region: localRegion, dashboard: url, log: system.logPath });
  const ended = untilEnd(options.for);
  const startMs = systemClock.nowMs();
  const observer = new RunObserver(system, startMs, options.model === undefined);
  try {
    await observer.open();
    const cameras = rows === null ? demoCameras(startMs) : ownCameras(rows, clips.length);
    screen.line(`dashboard: ${styleText(['bold', 'cyan'], url)}`);
    screen.line(`local cloud: ${endpoint} (AWS_ENDPOINT_URL); log: ${system.logPath}`);
    screen.line('in another terminal: npx kvs-infer status --watch');
    screen.foot(`dashboard: ${url}   Ctrl-C ends`);
    if (options.open) openBrowser(url, (line) => screen.line(line));
    for (const { row, story } of cameras) screen.line(`camera ${String(row.cameraId)}: ${story}`);
    await startFeeds(system, cameras, clips, rows === null ? spareStreamName : null);
    for (const { row } of cameras) await system.putRow(row);
    let isOver = false;
    void ended.promise.then(() => {
      isOver = true;
    });
    while (!isOver) {
      const look = await observer.look();
      for (const decision of decisions.splice(0)) {
        if (observer.decide(decision)) screen.line(describeDecision(decision));
      }
      const nowMs = systemClock.nowMs();
      if (look !== null) screen.cameras(cameraLines(look.states, look.workers, nowMs), nowMs);
      await Promise.race([ended.promise, pause(LOOK_INTERVAL_MS)]);
    }
    await observer.look();
    await observer.lookAtLoops();
    screen.done();
    await system.stopWorkers();
    await observer.collectLastResults();
    const report = await observer.report();
    for (const line of describeReport(report)) screen.line(line);
    if (options.report !== undefined) await writeReport(options.report, report);
  } finally {
    ended.cancel();
    retract();
    await system.close();
  }
}

/** A second or two after its sources have changed. The system is worth starting without it. */
async function buildDashboard(): Promise<void> {
  const { buildSite } = await import('../web/build-site.ts');
  try {
    await buildSite({ onBuild: () => console.error('building the dashboard …') });
  } catch (error) {
    console.error(`the dashboard could not be built: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function makeClips(cacheFolder: string): Promise<SceneClip[]> {
  const { ensureSceneClip } = await import('../local/scenes/clip-maker.ts');
  const { demoScenes } = await import('../local/scenes/demo-scenes.ts');
  const bar = new SingleBar({
    // The cursor stays: a Ctrl-C here would leave the terminal without one.
    format: 'drawing the street scenes (once) [{bar}] {percentage} % | {eta_formatted} left',
    stream: process.stderr,
  });
  const scenes = Object.values(demoScenes);
  const shares = scenes.map(() => 0);
  let isShown = false;
  const clips = await Promise.all(
    scenes.map((scene, index) => {
      const onProgress = (done: number, total: number) => {
        if (!isShown) bar.start(100, 0);
        isShown = true;
        shares[index] = done / total;
        bar.update(Math.floor((shares.reduce((sum, share) => sum + share, 0) / scenes.length) * 100));
      };
      return ensureSceneClip(scene, { cacheFolder, onProgress });
    }),
  );
  if (isShown) {
    bar.update(100);
    bar.stop();
  }
  return clips;
}

function ownCameras(rows: readonly Record<string, unknown>[], scenes: number): DemoCamera[] {
  return rows.map((row, index) => ({ row, sceneIndex: index % scenes, silent: null, story: 'from your file' }));
}

/** One feed per stream; the spare one belongs to no camera, so that one can be added from another terminal. */
async function startFeeds(
  system: LocalSystem,
  cameras: readonly DemoCamera[],
  clips: readonly SceneClip[],
  spareStreamName: string | null,
): Promise<void> {
  const feeds = cameras.flatMap(({ row, sceneIndex, silent }) =>
    sceneIndex === null || typeof row.streamName !== 'string'
      ? []
      : [{ streamName: row.streamName, sceneIndex, silent }],
  );
  if (spareStreamName !== null) feeds.push({ streamName: spareStreamName, sceneIndex: 2, silent: null });
  const started = new Set<string>();
  for (const [index, { streamName, sceneIndex, silent }] of feeds.entries()) {
    const clip = clips[sceneIndex];
    if (clip === undefined || started.has(streamName)) continue;
    started.add(streamName);
    const before = feeds.slice(0, index).filter((feed) => feed.sceneIndex === sceneIndex).length;
    await system.createStream(streamName);
    await system.feeds.start({ streamName, clip, silent }, before);
  }
}

/**
 * Resolves at the first Ctrl-C, SIGTERM or hang-up, when the time is over, or when nobody reads the output any more; a
 * second Ctrl-C ends at once.
 */
function untilEnd(seconds: number | undefined): { promise: Promise<void>; cancel: () => void } {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  let askedAtMs: number | null = null;
  const onSignal = () => {
    const nowMs = performance.now();
    if (askedAtMs !== null && nowMs - askedAtMs >= SIGNAL_ECHO_MS) process.exit(130);
    askedAtMs ??= nowMs;
    end();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  process.stdout.once('error', end);
  const timer = seconds === undefined ? undefined : setTimeout(end, seconds * 1000);
  return {
    promise,
    cancel: () => {
      clearTimeout(timer);
      for (const signal of signals) process.off(signal, onSignal);
      process.stdout.off('error', end);
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= RUN_SECONDS_MAX))
    throw new InvalidArgumentError(`expected a number of seconds above 0, at most ${RUN_SECONDS_MAX}`);
  return value;
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError('expected a port, 1 to 65535');
  return value;
}

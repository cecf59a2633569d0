/**
 * `kvs-infer model rollout` and `model rollback`: a new version of a model for a fleet, a few cameras first, and the way back.
 * The next run of the control loop acts on it, within a minute. Contract: nothing begins over a rollout that is under way
 * without `--replace`; `--json` prints one document.
 */
import os from 'node:os';
import type { Command } from 'commander';
import { rolloutDefaults } from '../core/control/rollout-order.ts';
import { KvsInferError } from '../core/errors.ts';
import { durationMs, type ExpiryOptions, parseExpiry, withExpiryOptions } from './expiry.ts';
import { fleetNotFound, onStage, type StageOptions, withStageOptions } from './stage.ts';

type FleetOptions = StageOptions & { fleet: string; reason?: string };
type RolloutOptions = FleetOptions &
  ExpiryOptions & {
    canaryPercent?: string;
    canaryCameras?: string;
    bake?: string;
    maxErrorRate?: string;
    maxSlowdown?: string;
    replace?: true;
  };

export function addRolloutCommands(model: Command): void {
  withExpiryOptions(
    withStageOptions(
      model
        .command('rollout')
        .description('give a fleet a new version of a model: a few cameras first, back by itself when it is bad')
        .argument('<model@version>', 'name of the file: default@2 is models/default@2.onnx'),
    )
      .option('--fleet <fleet>', 'name of the fleet', 'default')
      .option(
        '--canary-percent <percent>',
        `share of the cameras that try it first (default: ${rolloutDefaults.canaryPercent})`,
      )
      .option('--canary-cameras <ids>', 'or these cameras, separated by commas')
      .option('--bake <duration>', 'how long they are watched before all others follow (default: 15m)')
      .option('--max-error-rate <percent>', 'inferences that may fail (default: 1%)')
      .option('--max-slowdown <times>', 'against the version before, at the 95th percentile (default: 2)')
      .option('--replace', 'also when another rollout is under way')
      .option('--reason <words>', 'why, for those who read it later'),
  )
    .addHelpText(
      'after',
      '\nWithout an end it is taken back when there is no verdict a day after the bake time.\n\nExample:\n  $ kvs-infer model rollout default@2 --fleet docks --bake 30m --stage production',
    )
    .action((version: string, options: RolloutOptions) => rollOut(version, options));

  withStageOptions(
    model.command('rollback').description("take a fleet's last rollout of a model back, whether it is complete or not"),
  )
    .option('--fleet <fleet>', 'name of the fleet', 'default')
    .option('--reason <words>', 'why, for those who read it later', '')
    .addHelpText(
      'after',
      '\nExample:\n  $ kvs-infer model rollback --fleet docks --reason "misses forklifts" --stage production',
    )
    .action((options: FleetOptions) => rollBack(options));
}

function rollOut(version: string, options: RolloutOptions): Promise<void> {
  const nowMs = Date.now();
  const { canaryCameras, bake, fleet, reason } = options;
  const wish = {
    ...{ version, by: os.userInfo().username, reason, replace: options.replace },
    canaryPercent: numberOf('--canary-percent', options.canaryPercent),
    canaryCameras: canaryCameras?.split(',').map((id) => id.trim()),
    bakeMs: bake === undefined ? undefined : durationMs('--bake', bake),
    maxErrorRate: shareOf(numberOf('--max-error-rate', options.maxErrorRate)),
    maxSlowdown: numberOf('--max-slowdown', options.maxSlowdown),
    until: options.until === undefined && options.for === undefined ? undefined : parseExpiry(options, nowMs),
  };
  return onStage(options, async (stage) => {
    const { startModelRollout } = await import('../aws/model-rollouts.ts');
    const order = await startModelRollout(stage.clients, stage.tables, fleet, wish, nowMs);
    if (order === null) throw await fleetNotFound(stage, fleet);
    const { canary, until } = order;
    const first = 'percent' in canary ? `${canary.percent} % of its cameras` : canary.cameraIds.join(', ');
    const words = `${version} for ${first} first; a verdict by ${until} (see: kvs-infer fleet show ${fleet})`;
    console.log(options.json ? JSON.stringify({ fleet, modelRollout: order }, null, 2) : `fleet ${fleet}: ${words}`);
  });
}

function rollBack(options: FleetOptions): Promise<void> {
  const { fleet, reason = '' } = options;
  return onStage(options, async (stage) => {
    const { takeBackModelRollout } = await import('../aws/model-rollouts.ts');
    const wish = { by: os.userInfo().username, reason };
    const order = await takeBackModelRollout(stage.clients, stage.tables, fleet, wish, Date.now());
    if (order === null) throw await fleetNotFound(stage, fleet);
    const words = `${order.version} is taken back by the next run of the control loop`;
    console.log(options.json ? JSON.stringify({ fleet, modelRollout: order }, null, 2) : `fleet ${fleet}: ${words}`);
  });
}

/** A percentage may be written with or without its sign. @throws KvsInferError WRONG_SPAN */
function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text.replace(/\s*%$/, ''));
  if (/^\d/.test(text) && Number.isFinite(value)) return value;
  throw new KvsInferError('WRONG_SPAN', `${option}: expected a number, got "${text}"`, { hint: 'write 5 or 0.5' });
}

function shareOf(percent: number | undefined): number | undefined {
  return percent === undefined ? undefined : percent / 100;
}

/**
 * `kvs-infer camera override`: holds one camera on or off for a while, whatever its schedule says, or ends that. It changes
 * the attribute `override` of the row alone. Contract: on and off always have an end.
 */
import { Argument, type Command } from 'commander';
import { type ExpiryOptions, parseExpiry, withExpiryOptions } from './expiry.ts';
import { onStage, rowOf, type StageOptions, withStageOptions } from './stage.ts';

const states = ['on', 'off', 'none'] as const;

export function cameraOverrideCommand(camera: Command): void {
  withExpiryOptions(
    withStageOptions(
      camera
        .command('override')
        .description('hold a camera on or off until an instant, or end that with none')
        .argument('<cameraId>', 'id of a registered camera')
        .addArgument(new Argument('<state>', 'whether it is watched, or follows its schedule again').choices(states)),
    ),
  )
    .addHelpText('after', '\nExample:\n  $ kvs-infer camera override dock-1 off --for 4h --stage production')
    .action((cameraId: string, state: (typeof states)[number], options: StageOptions & ExpiryOptions) => {
      const override = state === 'none' ? null : { state, until: parseExpiry(options, Date.now()) };
      return onStage(options, async (stage) => {
        await rowOf(stage, cameraId);
        const { setCameraOverride } = await import('../aws/camera-registry.ts');
        await setCameraOverride(stage.clients, stage.tables.cameras, cameraId, override);
        const words = override === null ? 'follows its schedule' : `held ${override.state} until ${override.until}`;
        console.log(options.json ? JSON.stringify({ cameraId, override }, null, 2) : `${cameraId}: ${words}`);
      });
    });
}

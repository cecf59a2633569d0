/**
 * `kvs-infer fleet …`: what a fleet does, and orders that hold for a while: a pause, or a number of workers. The next run of
 * the control loop acts on them, within a minute. Contract: every order has an end; `--json` prints one document.
 */
import type { Command } from 'commander';
import { KvsInferError } from '../core/errors.ts';
import type { FleetView } from '../core/views/fleet-view.ts';
import { type ExpiryOptions, parseExpiry, withExpiryOptions } from './expiry.ts';
import { describeFleet, fleetFacts, readFleetView } from './fleet-show.ts';
import { fleetNotFound, onStage, type StageOptions, withStageOptions } from './stage.ts';
import { showOrWatch, type WatchOptions, withWatchOptions } from './watch.ts';

type OrderOptions = StageOptions & ExpiryOptions & { reason?: string };

export function fleetCommand(program: Command): void {
  const fleet = program.command('fleet').description('show fleets, pause them, keep workers ready');
  const subcommand = (name: string, description: string, example: string) =>
    withStageOptions(
      fleet.command(name).description(description).argument('[fleet]', 'name of the fleet', 'default'),
    ).addHelpText('after', `\nExample:\n  $ kvs-infer fleet ${example} --stage production`);

  withWatchOptions(
    subcommand('show', 'show size, orders, accounts of the last days, and the latest decision', 'show docks --watch'),
  ).action((name: string, options: StageOptions & WatchOptions) =>
    onStage(options, (stage) =>
      showOrWatch<FleetView>(options, {
        read: () => readFleetView(stage, name),
        describe: (view) => describeFleet(view, Date.now()),
        facts: (view) => fleetFacts(view, Date.now()),
        gone: 'ended',
      }),
    ),
  );

  withExpiryOptions(subcommand('pause', 'watch nothing and keep no worker until an instant', 'pause docks --for 4h'))
    .option('--reason <words>', 'why, for those who read it later', '')
    .action((name: string, options: OrderOptions) => {
      const until = parseExpiry(options, Date.now());
      return order(name, options, { pause: { until, reason: options.reason ?? '' } }, `paused until ${until}`);
    });

  withExpiryOptions(
    subcommand('override', 'keep at least so many workers until an instant', 'override --min-workers 3 --for 2h'),
  )
    .requiredOption('--min-workers <count>', 'workers that are kept, within the largest size')
    .option('--reason <words>', 'why, for those who read it later', '')
    .action((name: string, options: OrderOptions & { minWorkers: string }) => {
      const until = parseExpiry(options, Date.now());
      const minWorkers = Number(options.minWorkers);
      if (!/^\d{1,3}$/.test(options.minWorkers) || minWorkers > 500) {
        throw new KvsInferError('WRONG_SPAN', `--min-workers: expected 0 to 500, got "${options.minWorkers}"`, {
          hint: 'give a whole number of workers',
        });
      }
      const words = `at least ${minWorkers} worker${minWorkers === 1 ? '' : 's'} until ${until}`;
      return order(name, options, { override: { minWorkers, until, reason: options.reason ?? '' } }, words);
    });

  subcommand('resume', 'end a pause and an override at once', 'resume docks').action(
    (name: string, options: StageOptions) =>
      order(name, options, { pause: null, override: null }, 'no pause, no override'),
  );
}

type Orders = {
  pause?: { until: string; reason: string } | null;
  override?: { minWorkers: number; until: string; reason: string } | null;
};

function order(fleet: string, options: StageOptions, orders: Orders, words: string): Promise<void> {
  return onStage(options, async (stage) => {
    const { orderFleet } = await import('../aws/fleets.ts');
    const item = await orderFleet(stage.clients, stage.tables.fleets, fleet, orders);
    if (item === null) throw await fleetNotFound(stage, fleet);
    const { pause = null, override = null } = item;
    console.log(options.json ? JSON.stringify({ fleet, pause, override }, null, 2) : `fleet ${fleet}: ${words}`);
  });
}

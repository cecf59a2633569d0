/**
 * Ten thousand rows put into the registry at once: from its stream through camera-changed to a verdict for each and the runs of
 * their fleets, against the local cloud through the real SDK and HTTP.
 */
import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import { camerasPerFleetMax } from '../core/control/policy.ts';
import { startControlStage } from '../functions/control-loop-stage.test-factory.ts';
import type { Bench, Benchmark } from './benchmark.ts';
import { fleetRows, noonMs } from './fleet-of-2000.ts';

const fleets = ['north', 'east', 'south', 'west', 'centre'];
/** A batch of DynamoDB. */
const ITEMS_PER_BATCH = 25;
const QUICK_ROWS_PER_FLEET = 20;
/** One for all: what counts here is how many rows there are. */
const streamName = 'shared';
/** Events that come close together share runs; the last of them have had theirs by then. */
const RUNS_SETTLE_S = 15;

export const rowsAtOnce: Benchmark = {
  name: 'rows-at-once',
  claim: `${fleets.length * camerasPerFleetMax} rows at once: one write and a share of a run for each, and the runs do not write them again`,
  isRunByNameAlone: true,
  async run(bench: Bench) {
    const perFleet = bench.isQuick ? QUICK_ROWS_PER_FLEET : camerasPerFleetMax;
    const stage = await startControlStage({ startMs: noonMs, policy: { maxWorkers: 20 }, fleets });
    try {
      await stage.createStream(streamName);
      stage.flowing.add(streamName);
      await stage.advance(180);
      const rows = fleets.flatMap((fleet) =>
        fleetRows()
          .slice(0, perFleet)
          .map((row) => ({ ...row, cameraId: `${fleet}-${String(row.cameraId)}`, fleet, streamName })),
      );
      const calls = new Map<string, number>();
      const count = ({ operation }: { operation: string }) => {
        calls.set(operation, (calls.get(operation) ?? 0) + 1);
        return false;
      };
      stage.cloud.context.faults.inject(count, { status: 500, code: 'never', message: '' });
      const cpu = process.threadCpuUsage();
      const startedMs = performance.now();
      for (let from = 0; from < rows.length; from += ITEMS_PER_BATCH) {
        const items = rows.slice(from, from + ITEMS_PER_BATCH).map((Item) => ({ PutRequest: { Item } }));
        await stage.clients.documents.send(
          new BatchWriteCommand({ RequestItems: { [stage.names.tables.cameras]: items } }),
        );
      }
      await stage.settle();
      await stage.advance(RUNS_SETTLE_S);
      const seconds = (performance.now() - startedMs) / 1_000;
      const { user, system } = process.threadCpuUsage(cpu);
      const states = (await Promise.all(fleets.map((fleet) => stage.cameras(fleet)))).flat();
      if (states.length !== rows.length) throw new Error(`${states.length} of ${rows.length} rows have a verdict`);
      const decisions = (await Promise.all(fleets.map((fleet) => stage.decisions(fleet)))).flat();
      bench.count('rows with a verdict', 'rows', states.length);
      bench.count('from the first row to the last run', 's', seconds);
      bench.count("CPU, the local cloud's included", 'ms/row', (user + system) / 1e3 / rows.length);
      bench.count(
        'calls that write an item of camera-states',
        'calls/row',
        (calls.get('UpdateItem') ?? 0) / rows.length,
      );
      bench.count(
        'calls of all kinds',
        'calls/row',
        [...calls.values()].reduce((sum, each) => sum + each, 0) / rows.length,
      );
      bench.count('decisions of all fleets', 'decisions', decisions.length);
    } finally {
      await stage.close();
    }
  },
};

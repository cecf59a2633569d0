/** What comes in and cannot be used: rows that are wrong in every way, events that make no sense, among good ones. */
import { capacityEventTypes } from '../../../functions/triggers.ts';
import { cameraRow } from '../../flow/camera-that-sends.ts';
import type { ChaosFault } from '../fault.ts';

const poisonRows: readonly Record<string, unknown>[] = [
  { cameraId: 'poison-no-stream' },
  { cameraId: 'poison-fps', streamName: 's', detect: { fps: -1 } },
  { cameraId: 'poison-zone', streamName: 's', schedule: { timeZone: 'Mars/Olympus', windows: [] } },
  { cameraId: 'poison-fleet', streamName: 's', fleet: 'nowhere' },
  { cameraId: 'poison-types', streamName: 17, detect: 'yes', regions: [[[[1]]]], priority: '9'.repeat(400) },
];

export const inputFaults: readonly ChaosFault[] = [
  {
    ...{ name: 'poison-rows', room: 'input', holdMs: 0 },
    what: 'rows that are wrong in five ways, and one good row changed among them',
    async inject({ world, watch, random }) {
      const good = random.pick(world.cameraIds);
      const priority = random.integer(40, 60);
      const rows = [...poisonRows.slice(0, 3), cameraRow(good, { priority }), ...poisonRows.slice(3)];
      await Promise.all(rows.map((row) => world.putRow(row)));
      const isTaken = () =>
        watch.states.find(({ cameraId }) => cameraId === good)?.camera?.priority === priority &&
        poisonRows.every(
          ({ cameraId }) => watch.states.find((state) => state.cameraId === cameraId)?.phase === 'invalid',
        );
      return { cameras: world.cameraIds, isOver: isTaken };
    },
  },
  {
    ...{ name: 'poison-events', room: 'input', holdMs: 0 },
    what: 'every kind of event that control listens to, with nothing, nonsense or a stranger in it',
    inject({ world }) {
      const sources = ['aws.ecs', 'aws.ec2', 'aws.autoscaling', world.names.eventSource];
      const details: Record<string, unknown>[] = [
        {},
        { fleet: 7, workerId: null },
        { 'instance-id': 'i-0', taskArn: [] },
      ];
      for (const type of Object.values(capacityEventTypes).flat()) {
        for (const source of sources) {
          for (const detail of details) world.cloud.context.emit({ source, 'detail-type': type, detail });
        }
      }
      return { cameras: world.cameraIds };
    },
  },
  {
    ...{ name: 'row-shard-stuck', room: 'input', holdMs: 15_000 },
    what: 'a row changes while its verdict cannot be written for 15 s: the stream of rows is stuck',
    async inject({ world, watch, random }) {
      const table = world.names.tables.cameraStates;
      const heal = world.cloud.context.faults.inject(
        ({ caller, resource, operation }) => caller === 'control' && resource === table && operation !== 'Query',
        { status: 500, code: 'InternalServerError', message: 'chaos' },
      );
      const good = random.pick(world.cameraIds);
      const priority = random.integer(40, 60);
      await world.putRow(cameraRow(good, { priority }));
      const isTaken = () => watch.states.find(({ cameraId }) => cameraId === good)?.camera?.priority === priority;
      return { cameras: [good], heal, isOver: isTaken };
    },
  },
];

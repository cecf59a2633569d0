/** A short run of chaos, with real processes in real time: the rules hold, and the account at the end is a true one. */
import { expect, test } from 'vitest';
import { alarmedFunctions, alarmedQueues, functionAlarms, queueAlarms } from '../../core/alarms.ts';
import { fleetAlarms } from '../../core/fleet-alarms.ts';
import { SeededRandom } from '../../core/seeded-random.ts';
import { agenda, faults } from './agenda.ts';
import { chaos } from './chaos.ts';
import type { Rule } from './watch.ts';

/** How soon is a matter of the machine, which CI shares with other tests: `npm run chaos` holds these two as well. */
const timed: readonly Rule[] = ['frame-lost', 'unowned'];
const only = ['kill', 'sessions-cut', 'cut-results', 'events-shuffled', 'poison-rows'];

test('workers killed, sessions cut, a network in parts, events in disorder, poison rows: nothing breaks a rule', {
  timeout: 400_000,
}, async () => {
  const lines: string[] = [];
  const report = await chaos({
    ...{ minutes: 10, seed: 'ci', only, stepsMax: only.length, cameras: 4 },
    onLine: (line) => lines.push(line),
  });
  const broken = report.violations.filter(({ rule }) => !timed.includes(rule));
  expect(broken, lines.join('\n')).toEqual([]);
  expect(report.runs.map(({ name }) => name).sort()).toEqual([...only].sort());
  for (const { name, recoveryMs } of report.runs) expect(recoveryMs, name).not.toBeNull();
  const { framesSent, framesPublished, framesLost, rows } = report.balance;
  expect(framesPublished).toBeGreaterThan(4 * 10);
  expect(framesPublished + Object.values(framesLost).reduce((sum, count) => sum + count, 0)).toBe(framesSent);
  expect(rows).toBe(4 + 5);
});

test('a seed draws the same agenda again: every fault once, then pairs of different rooms', () => {
  const drawn = (seed: number, steps: number) => {
    const order = agenda(new SeededRandom(seed), []);
    return Array.from({ length: steps }, () => order.next().value as (typeof faults)[number][]);
  };
  const steps = drawn(7, faults.length + 6);
  const names = (agendaSteps: typeof steps) => agendaSteps.map((step) => step.map(({ name }) => name).join(' + '));
  expect(names(steps)).toEqual(names(drawn(7, faults.length + 6)));
  expect(names(steps)).not.toEqual(names(drawn(8, faults.length + 6)));
  expect(names(steps.slice(0, faults.length)).sort()).toEqual(faults.map(({ name }) => name).sort());
  for (const [first, second] of steps.slice(faults.length)) expect(first?.room).not.toBe(second?.room);
});

test('what a fault is to ring is an alarm of the stage, and one that rings after a single period', () => {
  const alarms = [
    ...functionAlarms(
      alarmedFunctions.map((id) => ({ id, name: id })),
      '',
      '',
    ),
    ...queueAlarms(Object.fromEntries(alarmedQueues.map((queue) => [queue, queue]))),
    ...fleetAlarms('default', '', {}, { cluster: '', service: '' }),
  ];
  const named = faults.flatMap(({ rings = [] }) => rings);
  expect(named.length).toBeGreaterThan(0);
  for (const name of named) expect(alarms.find((alarm) => alarm.name === name)?.periods, name).toBe(1);
});

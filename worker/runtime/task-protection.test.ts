/** Protection is asked for again until it is there, without taking all workers' calls from the others. */
import { expect, it } from 'vitest';
import { SteppedClock } from '../../local/clock.ts';
import { TaskProtection } from './task-protection.ts';

function rig() {
  const clock = new SteppedClock(0);
  const world = { isRefusing: false };
  const asked: string[] = [];
  const said: string[] = [];
  const agent = {
    identity: async () => null,
    protect: async (on: boolean) => {
      asked.push(`${clock.monotonicMs() / 1_000} s: ${on ? 'on' : 'off'}`);
      if (world.isRefusing) throw new Error('DEPLOYMENT_BLOCKED');
    },
  };
  const quiet = { debug: () => {}, info: () => {}, error: () => {} };
  const protection = new TaskProtection(agent, clock, { ...quiet, warn: (message) => said.push(message) });
  /** A wish with every heartbeat. */
  const wish = async (on: boolean, seconds: number) => {
    for (let second = 0; second < seconds; second += 3) {
      await protection.set(on);
      await clock.step(3_000);
    }
  };
  return { world, asked, said, wish };
}

it('asks once for what lasts, renews it, and ends it', async () => {
  const { asked, wish } = rig();
  await wish(true, 25 * 60);
  await wish(false, 60);
  expect(asked).toEqual(['0 s: on', '1200 s: on', '1500 s: off']);
});

it('what is refused is asked again, at last every half minute, and said once', async () => {
  const { world, asked, said, wish } = rig();
  world.isRefusing = true;
  await wish(true, 150);
  expect(asked).toEqual([
    '0 s: on',
    '3 s: on',
    '9 s: on',
    '21 s: on',
    '42 s: on',
    '72 s: on',
    '102 s: on',
    '132 s: on',
  ]);
  expect(said).toEqual(['task protection could not be changed']);
  world.isRefusing = false;
  await wish(true, 60);
  expect(asked.slice(8)).toEqual(['162 s: on']);
});

it('another wish does not wait for what was refused', async () => {
  const { world, asked, wish } = rig();
  await wish(true, 3);
  world.isRefusing = true;
  await wish(false, 30);
  world.isRefusing = false;
  expect(asked).toEqual(['0 s: on', '3 s: off', '6 s: off', '12 s: off', '24 s: off']);
  // It is still on, and so nothing is to be done.
  await wish(true, 30);
  expect(asked).toHaveLength(5);
});

/**
 * Every alarm of a deployment and the test that breaks what it watches, sees it ring and sees it cease. docs/reliability.md has a
 * row for each, test/deploy holds the table against the alarms that the stacks create.
 * Invariant: an alarm that has no test here cannot be deployed.
 */
export type AlarmCase = {
  file: 'alarms.test.ts' | 'alarms-of-machines.test.ts' | 'unstored-results.test.ts';
  /** What the tests are called: one for each fault that rings it. */
  tests: readonly string[];
};

const here = (test: string): AlarmCase => ({ file: 'alarms.test.ts', tests: [test] });
const ofMachines = (test: string): AlarmCase => ({ file: 'alarms-of-machines.test.ts', tests: [test] });

/** By name; that of a fleet is written for the fleet `default`, that of a NAT for the first. */
export const alarmCases: Readonly<Record<string, AlarmCase>> = {
  'no-reconcile': here('the tick stops'),
  'errors-reconcile': here('functions die'),
  'errors-camera-changed': here('functions die'),
  'errors-capacity-changed': here('functions die'),
  'errors-http-api': here('the API dies'),
  'api-failing': here('the API fails'),
  'queue-row-failures': here('functions die'),
  'queue-event-failures': here('functions die'),
  'iterator-age': here('functions die'),
  'default-reconcile-failed': here('a table refuses'),
  'default-runs-not-whole': here('ECS refuses to tell of the service'),
  'default-wanted-over-running': here('no machines'),
  'default-no-capacity': here('no machines'),
  'default-budget-shed': here('the budget is spent'),
  'default-model-reverted': here('a version gets no verdict'),
  'default-window-missed': here('no machines'),
  'default-camera-blind': here('no machines'),
  'default-results-unstored': {
    file: 'unstored-results.test.ts',
    tests: ['the result stream refuses', 'the bucket refuses', 'the table of detections refuses'],
  },
  'default-scheduled-but-silent': here('a camera is silent'),
  'default-live-but-unscheduled': here('a camera sends at night'),
  'default-running-below-desired': here('tasks do not start'),
  'default-cpu-high': ofMachines('a worker computes all the time'),
  'default-memory-high': ofMachines('a worker takes memory and keeps it'),
  'default-gpu-load-high': ofMachines('a GPU is busy all the time'),
  'default-gpu-memory-high': ofMachines('the memory of a GPU fills'),
  'nat-bytes-high-1': ofMachines('video passes NAT'),
};

/** @returns names of the alarms that the test of this name is there for. */
export function alarmsOfTest(test: string): string[] {
  const names = Object.keys(alarmCases).filter((name) => alarmCases[name]?.tests.includes(test));
  if (names.length === 0) throw new Error(`test/flow/alarm-cases.ts has no alarm for the test "${test}"`);
  return names;
}

/** @returns the case of a deployed alarm, by its name without the prefix of the stage. */
export function caseOf(alarm: string, fleets: readonly string[]): AlarmCase | undefined {
  const fleet = fleets.find((name) => alarm.startsWith(`${name}-`));
  const ofDefault = fleet === undefined ? alarm : `default${alarm.slice(fleet.length)}`;
  return alarmCases[ofDefault.replace(/^(nat-.*)-\d+$/, '$1-1')];
}

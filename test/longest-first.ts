/**
 * The order of test files: those that take longest begin first, so that a run does not end with one long file on one core.
 * Vitest goes by project, then by how long a file took last time; in a fresh clone, as in CI, by its size, which tells nothing.
 * Invariant: the list decides the order alone; a file that is missing in it, or gone from the tree, costs time and nothing else.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Longest first, as measured on two busy cores; those of the deployment last, because they wait for the graphs. */
const longest = [
  'test/chaos/soak.test.ts',
  'test/browser/first-camera.test.ts',
  'test/flow/api-errors.test.ts',
  'test/flow/rollout.test.ts',
  'test/flow/model-rollout.test.ts',
  'test/flow/make-before-break.test.ts',
  'test/cli/bench.test.ts',
  'test/simulation/lease-interleavings.test.ts',
  'test/flow/spot.test.ts',
  'test/cli/stage.test.ts',
  'test/load/load.test.ts',
  'test/simulation/random-worlds.test.ts',
  'test/chaos/chaos.test.ts',
  'test/browser/live-pages.test.ts',
  'test/flow/faults.test.ts',
  'test/browser/overview.test.ts',
  'test/browser/camera-form.test.ts',
  'test/cli/camera-import.test.ts',
  'test/cli/preflight.test.ts',
  'test/versions/both-ways.test.ts',
  'test/cli/schedule.test.ts',
  'test/flow/capacity-ladder.test.ts',
  'test/cli/secrets.test.ts',
  'test/cli/registry.test.ts',
  'test/simulation/decision-memory.test.ts',
  'test/cli/simulate.test.ts',
  'test/cli/model.test.ts',
  'worker/worker-outages.test.ts',
  'test/flow/alarms.test.ts',
  'worker/worker-text.test.ts',
  'worker/worker.test.ts',
  'worker/session/blind-causes.test.ts',
  'worker/dockerfile.test.ts',
  'test/deploy/validate.test.ts',
  'test/deploy/whole.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((path) => moduleId.endsWith(`/${path}`));
      return found < 0 ? longest.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

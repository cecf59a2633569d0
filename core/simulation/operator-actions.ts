/**
 * What operators do to a fleet while it runs: rows that are written, changed and deleted, and revisions that roll out. A row
 * is changed as camera-changed leaves its state behind; the run that it asks for may be late or lost like any event.
 * Invariant: a deleted camera's state stays until control has seen its owner let go.
 */
import type { CameraState } from '../fleet-state.ts';
import type { ModelRow, OperatorAction } from './fleet-input.ts';
import type { FleetWorld } from './fleet-world.ts';
import { newState } from './new-state.ts';

export function playActions(world: FleetWorld, actions: readonly OperatorAction[]): void {
  for (const action of actions) world.queue.at(action.atMs, () => play(world, action));
}

function play(world: FleetWorld, action: OperatorAction): void {
  if (action.kind === 'rollout') {
    world.count('rollout');
    world.cloud.deploy(action.revision);
  } else if (action.kind === 'row') {
    world.count('row written');
    writeRow(world, action.row);
  } else {
    world.count('row deleted');
    markLeaving(world, action.cameraId);
  }
  world.deliver(() => {});
}

function writeRow(world: FleetWorld, row: ModelRow): void {
  const { cameraId, camera, issues } = row;
  const { nowMs } = world;
  const { leaving: _, ...kept } = world.states.get(cameraId) ?? newState(world.input.fleet, row, nowMs);
  world.writeState({ ...kept, camera, issues, ...nextVersion(kept, nowMs) });
  world.cameras.get(cameraId)?.useVersion({ camera });
}

function markLeaving(world: FleetWorld, cameraId: string): void {
  const { nowMs } = world;
  const state = world.states.get(cameraId);
  if (state === undefined) return;
  world.writeState({ ...state, ...nextVersion(state, nowMs), leaving: { toFleet: null, sinceMs: nowMs } });
}

function nextVersion({ rowSequenceNumber }: CameraState, nowMs: number) {
  return { rowSequenceNumber: String(Number(rowSequenceNumber) + 1), rowChangedAtMs: nowMs };
}

/**
 * The record of what Auto Scaling did, or failed to do: DescribeScalingActivities reads it, newest first.
 * Invariant: an activity ends once; the list is bounded, and the oldest go first.
 */
import type { Activity, Group } from './compute-state.ts';
import { type ComputeWorld, newUuid } from './compute-world.ts';

/** Activities kept per process; AWS keeps six weeks. */
const activitiesMax = 1_000;

export class ScalingActivities {
  readonly #world: ComputeWorld;

  constructor(world: ComputeWorld) {
    this.#world = world;
  }

  begin(group: Group, description: string, cause: string, details: Record<string, string>): Activity {
    const activity: Activity = {
      id: newUuid(),
      groupName: group.name,
      description,
      cause,
      startedAtMs: this.#world.nowMs(),
      endedAtMs: null,
      statusCode: 'InProgress',
      statusMessage: null,
      progress: 0,
      details,
    };
    const { activities } = this.#world.state;
    activities.push(activity);
    if (activities.length > activitiesMax) activities.shift();
    return activity;
  }

  end(activity: Activity, statusCode: 'Successful' | 'Failed' | 'Cancelled', message: string | null): void {
    activity.statusCode = statusCode;
    activity.statusMessage = message;
    activity.progress = 100;
    activity.endedAtMs = this.#world.nowMs();
  }
}

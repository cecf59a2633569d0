/** The graphs that the global setup made, for the tests. */
import { inject } from 'vitest';
import { Graph } from '../../stacks/synthesis/graph.ts';
import type { ScenarioName } from './scenarios.ts';

export type { ScenarioName };

/** False where SST's platform cannot be had; the suite has said so. */
export const isSynthesised = inject('graphs') !== null;

export function graphOf(name: ScenarioName): Graph {
  const data = inject('graphs')?.[name];
  if (data === undefined) throw new Error(`scenario ${name} was not synthesised`);
  if (data.errors.length > 0) throw new Error(`scenario ${name}: ${data.errors.join('\n')}`);
  return new Graph(data);
}

export function errorsOf(name: ScenarioName): string[] {
  return inject('graphs')?.[name]?.errors ?? [];
}

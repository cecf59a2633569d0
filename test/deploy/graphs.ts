/** The graphs that the global setup makes, for the tests: who imports this waits until they are there. */
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { inject } from 'vitest';
import { Graph } from '../../stacks/synthesis/graph.ts';
import type { ScenarioName } from './scenarios.ts';
import type { Graphs } from './synthesise-scenarios.ts';

export type { ScenarioName };

// Not `fetch`, which gives up after five minutes.
const answer = await new Promise<IncomingMessage>((resolve, reject) => {
  get(inject('graphsAt'), resolve).once('error', reject);
});
const said = await text(answer);
if (answer.statusCode !== 200) throw new Error(said);
const graphs = JSON.parse(said) as Graphs;

/** False where SST's platform cannot be had; the suite has said so. */
export const isSynthesised = graphs !== null;

export function graphOf(name: ScenarioName): Graph {
  const data = graphs?.[name];
  if (data === undefined) throw new Error(`scenario ${name} was not synthesised`);
  if (data.errors.length > 0) throw new Error(`scenario ${name}: ${data.errors.join('\n')}`);
  return new Graph(data);
}

export function errorsOf(name: ScenarioName): string[] {
  return graphs?.[name]?.errors ?? [];
}

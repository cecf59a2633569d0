/**
 * All that is stored of one fleet at one look: its item, its workers, the states of its cameras, and the latest decision.
 * What people are shown of a fleet is made of these. Invariant: the four are read side by side, a few queries each.
 */
import type { FleetItems } from '../core/views/fleet-view.ts';
import { readCameraStates } from './camera-states.ts';
import type { AwsClients } from './clients.ts';
import { readDecisions } from './decisions.ts';
import { readFleet } from './fleets.ts';
import { readWorkers } from './workers.ts';

type Tables = Record<'cameraStates' | 'decisions' | 'fleets' | 'workers', string>;

export async function readFleetItems(clients: AwsClients, tables: Tables, fleet: string): Promise<FleetItems> {
  const [item, workers, cameras, decisions] = await Promise.all([
    readFleet(clients, tables.fleets, fleet),
    readWorkers(clients, tables.workers, fleet),
    readCameraStates(clients, tables.cameraStates, fleet),
    readDecisions(clients, tables.decisions, fleet, { limit: 1 }),
  ]);
  return { item, workers, cameras, decisions };
}

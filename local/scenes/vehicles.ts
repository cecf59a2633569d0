/**
 * Builds a vehicle of a kind: a handful of body styles, each stretched and painted by the random source, so that no two
 * look alike and yet each is plainly what it is. Invariant: the plate is drawn first, so a body style does not change it.
 */

import type { SeededRandom } from '../../core/seeded-random.ts';
import { buildBus } from './bus.ts';
import { buildCar } from './car.ts';
import { buildTruck } from './truck.ts';
import { plateStyle, type Vehicle, type VehicleLabel } from './vehicle.ts';

export function buildVehicle(label: VehicleLabel, random: SeededRandom): Vehicle {
  const plate = plateStyle(random);
  if (label === 'car') return buildCar(random, plate);
  return label === 'truck' ? buildTruck(random, plate) : buildBus(random, plate);
}

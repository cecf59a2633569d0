/** The cost of thinking: one run of the control loop's pure part for the largest fleet, in the situations that matter. */
import { decide } from '../core/control/decide.ts';
import type { FleetObservation } from '../core/control/observation.ts';
import { type Bench, type Benchmark, millisecondsPer } from './benchmark.ts';
import { freshFleet, noonMs, policy, runningFleet } from './fleet-of-2000.ts';

const DECIDED_WITHIN_MS = 50;

export const planAndAssign: Benchmark = {
  name: 'plan-and-assign',
  claim: 'demand, plan and assignment of 2,000 cameras are decided within 50 ms',
  async run(bench: Bench) {
    const running = runningFleet();
    const workers = running.workers.length;
    const gone = Math.ceil(workers / 10);
    const situations: [string, FleetObservation][] = [
      [`an ordinary minute, ${workers} workers`, running],
      ['nothing runs yet and no worker exists', freshFleet(0)],
      [`${workers} workers became ready, every camera to be given`, freshFleet(workers)],
      [`${gone} of ${workers} workers have died`, withDead(running, gone)],
      ['an ordinary minute in which the budget of the day is reckoned anew', withBudget(running)],
      [`three of four cameras were disabled, ${workers} workers to be thinned out`, withDisabled(running)],
    ];
    for (const [what, observation] of situations) {
      const scale = millisecondsPer(1, 'decision');
      const think = () => decide(observation, policy, noonMs);
      await bench.measure(what, scale, think, { budgetMs: 700, goalAtMost: DECIDED_WITHIN_MS });
    }
  },
};

/** Ten dollars too little for the day, so that the largest size within it is looked for. */
function withBudget(observation: FleetObservation): FleetObservation {
  const usdPerHour = new Map([
    ['g4dn.xlarge/on-demand', 0.526],
    ['g4dn.xlarge/spot', 0.21],
  ]);
  const fleet = { ...observation.fleet, policy: { usdPerDayMax: 10, instanceTypes: ['g4dn.xlarge'] } };
  return { ...observation, fleet, usdPerHour };
}

function withDead(observation: FleetObservation, count: number): FleetObservation {
  const workers = observation.workers.map((worker, index) =>
    index < count ? { ...worker, heartbeatAtMs: noonMs - 60_000 } : worker,
  );
  return { ...observation, workers };
}

function withDisabled(observation: FleetObservation): FleetObservation {
  const cameras = observation.cameras.map((state, index) =>
    index % 4 === 0 || state.camera === null ? state : { ...state, camera: { ...state.camera, enabled: false } },
  );
  return { ...observation, cameras, fleet: { ...observation.fleet, lowerDemandSinceMs: noonMs - 3_600_000 } };
}

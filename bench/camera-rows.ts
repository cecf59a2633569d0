/** The cost of a verdict on a camera row: an import of thousands of rows, or a burst of changes, must not queue. */
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { type Bench, type Benchmark, perSecond } from './benchmark.ts';
import { fleetRows } from './fleet-of-2000.ts';

export const cameraRows: Benchmark = {
  name: 'camera-rows',
  claim: 'one core parses thousands of camera rows a second, wrong ones with every issue named',
  async run(bench: Bench) {
    const rows = fleetRows();
    const wrong = rows.map((row) => ({
      ...row,
      cameraId: 'not an id',
      priorty: 10,
      detect: { fps: 'fast', confidence: 7 },
      schedule: { timeZone: 'Mars/Olympus', windows: [{ days: ['mon'], start: '8', end: '18:00' }] },
    }));
    await bench.measure('valid rows', perSecond(rows.length, 'rows'), () => {
      for (const row of rows) if (parseCameraRow(row).camera === null) throw new Error('a valid row was refused');
    });
    await bench.measure('rows with six issues each', perSecond(wrong.length, 'rows'), () => {
      for (const row of wrong) if (parseCameraRow(row).issues.length < 6) throw new Error('an issue was missed');
    });
  },
};

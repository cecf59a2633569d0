/**
 * `npm run load -- [--minutes N] [--cameras N] [--workers N] [--fleets N] [--seed S] [--json] [--report FILE]`: many cameras
 * and workers against the control loop at AWS's default limits, on a clock that is stepped.
 * Contract: exit code 0 when every rule held, 1 when one was broken, 2 for wrong usage.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatError } from '../../core/errors.ts';
import { load } from './load.ts';
import { describeLoad } from './report.ts';

const text = { type: 'string' } as const;

function parseCommandLine() {
  try {
    const { values } = parseArgs({
      options: {
        ...{ minutes: text, cameras: text, workers: text, fleets: text, seed: text, report: text },
        json: { type: 'boolean' },
      },
    });
    const whole = (name: 'cameras' | 'workers' | 'fleets' | 'minutes', usual: number, max: number): number => {
      const number = Number(values[name] ?? usual);
      if (Number.isInteger(number) && number >= 1 && number <= max) return number;
      throw new Error(`--${name}: expected 1 to ${max}, got "${values[name]}"`);
    };
    const sizes = {
      ...{ minutes: whole('minutes', 10, 1_440), cameras: whole('cameras', 10_000, 10_000) },
      ...{ workers: whole('workers', 500, 2_500), fleets: whole('fleets', 5, 50) },
    };
    return { ...sizes, seed: values.seed ?? '1', json: values.json ?? false, report: values.report };
  } catch (error) {
    process.stderr.write(`load: USAGE: ${error instanceof Error ? error.message : error}\n`);
    process.exit(2);
  }
}

try {
  const { json, report: file, ...sizes } = parseCommandLine();
  const report = await load({ ...sizes, onLine: (line) => process.stderr.write(`${line}\n`) });
  const document = JSON.stringify(report, null, 2);
  if (file !== undefined) writeFileSync(file, `${document}\n`);
  process.stdout.write(`${json ? document : describeLoad(report)}\n`);
  process.exit(report.violations.length === 0 ? 0 : 1);
} catch (error) {
  process.stderr.write(`${formatError(error)}\n`);
  process.exit(1);
}

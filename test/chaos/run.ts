/**
 * `npm run chaos -- --minutes N --seed S [--only name… | --soak] [--cameras N] [--json]`: breaks the running system in every way of its agenda, one
 * fault at a time and then two at once, and prints what was tried, how often, how long it took to recover, and what was lost.
 * `--soak` breaks nothing and watches memory, threads and handles.
 * Contract: exit code 0 when every rule held, 1 when one was broken (the seed is printed), 2 for wrong usage.
 */
import { parseArgs } from 'node:util';
import { formatError } from '../../core/errors.ts';
import { faults } from './agenda.ts';
import { chaos } from './chaos.ts';
import { describeReport } from './report.ts';

const usage = 'npm run chaos -- [--minutes N] [--seed S] [--only name… | --soak] [--cameras N] [--json]';

function parseCommandLine() {
  try {
    const { values } = parseArgs({
      options: {
        ...{ minutes: { type: 'string' }, seed: { type: 'string' }, json: { type: 'boolean' } },
        ...{ only: { type: 'string', multiple: true }, soak: { type: 'boolean' } },
        cameras: { type: 'string' },
      },
    });
    const minutes = Number(values.minutes ?? 10);
    if (!(minutes > 0 && minutes <= 1_440)) throw new Error(`--minutes: expected 1 to 1440, got "${values.minutes}"`);
    const cameras = Number(values.cameras ?? 8);
    if (!(Number.isInteger(cameras) && cameras >= 1 && cameras <= 12))
      throw new Error(`--cameras: expected 1 to 12 (two workers carry them), got "${values.cameras}"`);
    const only = (values.only ?? []).flatMap((names) => names.split(','));
    const unknown = only.filter((wanted) => !faults.some(({ name }) => name === wanted));
    if (unknown.length > 0)
      throw new Error(`no fault ${unknown.join(', ')} (${faults.map(({ name }) => name).join(', ')})`);
    return {
      cameras,
      minutes,
      seed: values.seed ?? '1',
      only,
      json: values.json ?? false,
      isSoak: values.soak ?? false,
    };
  } catch (error) {
    process.stderr.write(`chaos: USAGE: ${error instanceof Error ? error.message : error} (${usage})\n`);
    process.exit(2);
  }
}

try {
  const { json, ...options } = parseCommandLine();
  const report = await chaos({ ...options, onLine: (line) => process.stderr.write(`${line}\n`) });
  process.stdout.write(`${json ? JSON.stringify(report, null, 2) : describeReport(report)}\n`);
  process.exit(report.violations.length === 0 ? 0 : 1);
} catch (error) {
  process.stderr.write(`${formatError(error)}\n${error instanceof Error ? error.stack : ''}\n`);
  process.exit(1);
}

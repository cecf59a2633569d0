/** What a run of chaos found, for people: the same figures as in the JSON. Invariant: says only what was counted. */
import { faults } from './agenda.ts';
import type { ChaosReport } from './chaos.ts';
import type { FaultRun } from './fault.ts';
import { inWords } from './lost-frames.ts';
import type { ProcessUse } from './process-log.ts';
import type { Slope } from './slope.ts';
import type { StoreUse, StoreUses } from './store-log.ts';
import { rules } from './watch.ts';

const lostToldMax = 40;

export function describeReport(report: ChaosReport): string {
  const { balance, runs, pairedRuns, violations } = report;
  const lost = Object.values(balance.framesLost).reduce((sum, count) => sum + count, 0);
  const lines = [
    `${report.cameras} cameras, ${report.seconds.toFixed(0)} s, seed ${report.seed}`,
    '',
    '| fault | what | times | watched again after (p50 / p95 / max) | frames lost |',
    '|---|---|---|---|---|',
    ...faults.flatMap(({ name, what }) => {
      const met = runs.filter((run) => run.name === name);
      return met.length === 0
        ? []
        : [`| ${name} | ${what} | ${met.length} | ${recovery(met)} | ${balance.framesLost[name] ?? 0} |`];
    }),
    ...(pairedRuns.length === 0 ? [] : [pairLine(report)]),
    ...alarmLines(runs),
    '',
    `frames: ${balance.framesSent} sent, ${balance.framesPublished} published, ${lost} lost (${percent(lost, balance.framesSent)}), ${balance.framesLost.nothing ?? 0} of them while nothing was wrong`,
    ...balance.lost.slice(0, lostToldMax).map((frame) => `  lost: ${inWords(frame)}`),
    ...(lost > lostToldMax ? [`  lost: ${lost - lostToldMax} more (--json has all)`] : []),
    `ledger: ${balance.scheduledSeconds.toFixed(0)} s scheduled = ${balance.inferredSeconds.toFixed(0)} s inferred + ${blind(balance.blindSeconds)}`,
    `rows: ${balance.rows} put, each with its verdict unless said below; dead letters: ${balance.deadLetters}`,
    ...processLines(report.processes),
    ...storeLines(report.stores),
    '',
    violations.length === 0
      ? `all ${Object.keys(rules).length} rules held`
      : `${violations.length} times a rule was broken (seed ${report.seed}):`,
    ...violations.map(
      ({ rule, what, during, atMs }) =>
        `  ${new Date(atMs).toISOString()} ${rule}: ${what}${during === null ? '' : ` (during ${during})`}`,
    ),
  ];
  return lines.join('\n');
}

function alarmLines(runs: readonly FaultRun[]): string[] {
  const seconds = (ms: number | null) => (ms === null ? 'never' : `${(ms / 1_000).toFixed(0)} s`);
  const rows = runs.flatMap(({ name, alarms }) =>
    alarms.map(
      ({ alarm, rangAfterMs, overAfterMs }) =>
        `| ${name} | ${alarm} | ${seconds(rangAfterMs)} | ${seconds(overAfterMs)} |`,
    ),
  );
  if (rows.length === 0) return [];
  return ['', '| fault | alarm | rings after | over after |', '|---|---|---|---|', ...rows];
}

function pairLine({ pairedRuns, balance }: ChaosReport): string {
  const frames = Object.entries(balance.framesLost).reduce(
    (sum, [name, count]) => sum + (name.includes(' + ') ? count : 0),
    0,
  );
  return `| pairs | two faults of different rooms at once | ${pairedRuns.length / 2} | ${recovery(pairedRuns)} | ${frames} |`;
}

function recovery(runs: readonly FaultRun[]): string {
  const known = runs.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
  const at = (share: number) => known[Math.max(0, Math.ceil(share * known.length) - 1)];
  const never = runs.length - known.length;
  const words = [at(0.5), at(0.95), at(1)].map((ms) => (ms === undefined ? '–' : (ms / 1_000).toFixed(1))).join(' / ');
  return `${words} s${never === 0 ? '' : `, ${never} never`}`;
}

function blind(seconds: Readonly<Record<string, number>>): string {
  const causes = Object.entries(seconds).sort(([, a], [, b]) => b - a);
  const sum = causes.reduce((total, [, amount]) => total + amount, 0);
  return `${sum.toFixed(0)} s blind (${causes.map(([cause, amount]) => `${cause} ${amount.toFixed(0)}`).join(', ')})`;
}

function processLines(processes: readonly ProcessUse[]): string[] {
  const course = ({ first, last, min, max, slope }: ProcessUse['threads']) =>
    `${first.toFixed(0)} to ${last.toFixed(0)} (${min.toFixed(0)} to ${max.toFixed(0)}) | ${inAnHour(slope)}`;
  return [
    '',
    '| process | lived | resident MB (range) | an hour | of it compiled code | an hour | the rest, an hour | threads | an hour | handles | an hour |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...processes
      .filter(({ rssMegabytes: { slope } }) => slope !== null)
      .map(
        ({ process, livedSeconds, rssMegabytes, codeMegabytes, otherMegabytes, threads, handles }) =>
          `| ${process} | ${(livedSeconds / 60).toFixed(0)} min | ${course(rssMegabytes)} | ${course(codeMegabytes)} | ${inAnHour(otherMegabytes.slope)} | ${course(threads)} | ${course(handles)} |`,
      ),
  ];
}

function inAnHour(slope: Slope | null): string {
  return slope === null ? '–' : `${slope.perHour.toFixed(1)} ± ${slope.plusMinus.toFixed(1)}`;
}

function storeLines({ live, rest, stores }: StoreUses): string[] {
  const size = ({ megabytes, slope }: Pick<StoreUse, 'megabytes' | 'slope'>) =>
    `${megabytes.first.toFixed(1)} to ${megabytes.last.toFixed(1)} | ${inAnHour(slope)}`;
  return [
    '',
    '| in control and local cloud | items | MB | MB/h after the first sixth | bounded by |',
    '|---|---|---|---|---|',
    `| all that is live after a collection | | ${size(live)} | |`,
    `| of it in no store | | ${size(rest)} | |`,
    ...stores.map((use) => `| ${use.store} | ${use.items.first} to ${use.items.last} | ${size(use)} | ${use.bound} |`),
  ];
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(2)} %`;
}

/** What a run under load counted, for people. Invariant: the same figures as in the JSON. */
import type { LoadReport, Spread } from './load.ts';

export function describeLoad(report: LoadReport): string {
  const { reconcile, busiestSecond, minutes } = report;
  const lines = [
    `${report.cameras} cameras (${report.camerasRunning} running at the end) on ${report.workersRunning} workers in ${report.fleets} fleets, ${minutes} min, seed ${report.seed}; ${report.wallSeconds} s on the wall, ${report.cpuSeconds.toFixed(0)} of CPU`,
    `life: ${words(report.life)}`,
    '',
    '| calls a minute | |',
    '|---|---:|',
    ...Object.entries(report.callsPerMinute).map(([name, times]) => `| ${name} | ${times.toFixed(1)} |`),
    '',
    '| units a minute | read | write |',
    '|---|---:|---:|',
    ...Object.entries(report.units).map(
      ([table, { read, write }]) => `| ${table} | ${(read / minutes).toFixed(0)} | ${(write / minutes).toFixed(0)} |`,
    ),
    '',
    `reconcile, all fleets at once, ${reconcile.runs} ticks: wall ${told(reconcile.wallMs)}; CPU of the process by fleet ${told(reconcile.cpuMsPerFleet)} (p50 / p99 / max)`,
    `busiest second of a partition: ${busiestSecond.writeUnits} write units (${busiestSecond.partition})`,
    `throttles: ${Object.keys(report.throttles).length === 0 ? 'none' : words(report.throttles)}`,
    `memory of control, workers and local cloud together: ${report.rssMegabytes.toFixed(0)} MB`,
    '',
    '| function | calls a minute | CPU of the process meanwhile (p50 / p99 / max) |',
    '|---|---:|---:|',
    ...Object.entries(report.invocations).map(
      ([name, { perMinute, cpuMs }]) => `| ${name} | ${perMinute.toFixed(1)} | ${told(cpuMs)} |`,
    ),
    '',
    `control plane: ${report.usdPerHour.toFixed(3)} US dollars an hour, ${report.usdPerCameraMonth.toFixed(3)} a camera and month (an hour: ${Object.entries(
      report.usdPerHourByLine,
    )
      .map(([line, usd]) => `${line} ${usd.toFixed(3)}`)
      .join(', ')})`,
    '',
    report.violations.length === 0 ? 'every rule held' : `${report.violations.length} times a rule was broken:`,
    ...report.violations.map((violation) => `  ${violation}`),
  ];
  return lines.join('\n');
}

function told({ p50, p99, max }: Spread): string {
  return `${[p50, p99, max].map((ms) => ms.toFixed(0)).join(' / ')} ms`;
}

function words(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

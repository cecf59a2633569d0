/**
 * The picture of a simulated week for somebody who decides on it and never opens a terminal: four figures, the cameras
 * and the GPUs over the days, the comparison, and where time was lost. One HTML file that loads nothing.
 * Invariant: it holds no script, and every text of a row is escaped.
 */
import { blindCauses } from '../../core/simulation/model-camera.ts';
import {
  causeWords,
  clairvoyantWords,
  columnsOf,
  comparisonRows,
  faultWords,
  hours,
  percent,
  readyShare,
  wayNames,
} from './report.ts';
import { escapeXml, type Series, stepChart } from './step-chart.ts';
import type { Pictured, Week } from './week.ts';

export function weekPage(week: Week, { cameras, needed, paid }: Pictured): string {
  const blind = blindCauses.filter((cause) => cause !== 'silent').map((cause) => cameras.values[cause]);
  const cameraSeries: Series[] = [
    { name: 'watched', className: 'watched', shape: 'area', values: cameras.values.inferred },
    { name: 'blind', className: 'blind', shape: 'area', values: sumOf(blind) },
    { name: 'sends nothing', className: 'silent', shape: 'area', values: cameras.values.silent },
  ];
  const gpuSeries: Series[] = [
    { name: `${wayNames.ours}: paid`, className: 'ours', shape: 'area', values: paid.ours.values.paid },
    { name: wayNames.alwaysOn, className: 'always-on', shape: 'line', values: paid.alwaysOn.values.paid },
    { name: wayNames.scheduledActions, className: 'actions', shape: 'line', values: paid.scheduledActions.values.paid },
    {
      name: wayNames.ecsTargetTracking,
      className: 'tracking',
      shape: 'line',
      values: paid.ecsTargetTracking.values.paid,
    },
    { name: 'needed, had one known everything', className: 'needed', shape: 'line', values: needed.values.needed },
  ];
  const chart = (title: string, series: Series[]) =>
    `<h2>${title}</h2>${legend(series)}<figure>${stepChart({ title, fromMs: cameras.fromMs, bucketMs: cameras.bucketMs, series })}</figure>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Simulated: ${week.from.slice(0, 10)} to ${week.to.slice(0, 10)}</title>
<style>${style}</style>
</head>
<body>
<h1>${week.cameras} cameras, ${week.from.slice(0, 10)} to ${week.to.slice(0, 10)}</h1>
<p>Simulated with seed ${escapeXml(week.seed)}: the control loop's own decisions against a modelled cloud. Times are UTC.</p>
<section class="cards">${cards(week)}</section>
${chart('Cameras within their hours', cameraSeries)}
${chart('GPUs', gpuSeries)}
<h2>Beside the other ways to run this fleet</h2>
${comparison(week)}
<p>${escapeXml(clairvoyantWords(week.clairvoyant))}</p>
<h2>Where time was lost</h2>
${lost(week)}
${skipped(week)}
<p class="note">${week.controlLoop.decisions} decisions; ${escapeXml(faultWords(week.faults))}. The other ways are set up as
their documentation recommends, for the same cameras; their workers never crash and their cameras move without a gap.</p>
</body>
</html>
`;
}

function cards(week: Week): string {
  const { alwaysOn } = week.baselines;
  const saved = alwaysOn.costUsd === 0 ? null : 1 - week.costUsd / alwaysOn.costUsd;
  const card = (name: string, value: string, note: string) =>
    `<div class="card"><span>${name}</span><strong>${value}</strong><span>${note}</span></div>`;
  return [
    card('watched', percent(week.coverage, 2), 'of what the cameras sent in their hours'),
    card('ready in time', readyShare(week.readyBy).split(' of ')[0] ?? '', `of ${week.readyBy.windows} windows`),
    card('GPUs', `${hours(week.instanceHours)} h`, `at most ${week.peakInstances} at once`),
    card(
      'GPU cost',
      `$${week.costUsd.toFixed(0)}`,
      saved === null
        ? ''
        : `always on: $${alwaysOn.costUsd.toFixed(0)} (${saved < 0 ? '+' : '−'}${Math.abs(saved * 100).toFixed(0)} %)`,
    ),
  ].join('');
}

function comparison(week: Week): string {
  const columns = columnsOf(week);
  const head = columns.map(([name]) => `<th scope="col">${name}</th>`).join('');
  const rows = comparisonRows.map(([name, text]) => {
    const cells = columns.map(([, outcome]) => `<td>${text(outcome)}</td>`).join('');
    return `<tr><th scope="row">${name}</th>${cells}</tr>`;
  });
  return `<div class="wide"><table><thead><tr><td></td>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function lost({ blindSecondsByCause }: Week): string {
  const causes = blindCauses
    .filter((cause) => blindSecondsByCause[cause] > 0)
    .sort((a, b) => blindSecondsByCause[b] - blindSecondsByCause[a]);
  if (causes.length === 0) return '<p>No camera was blind inside its hours.</p>';
  const rows = causes.map(
    (cause) =>
      `<tr><th scope="row">${causeWords[cause]}</th><td>${hours(blindSecondsByCause[cause] / 3_600)} camera hours</td></tr>`,
  );
  return `<table><tbody>${rows.join('')}</tbody></table>`;
}

function skipped({ skipped: rows }: Week): string {
  if (rows.length === 0) return '';
  const items = rows.map(({ cameraId, reason }) => `<li>${escapeXml(cameraId)}: ${escapeXml(reason)}</li>`);
  return `<h2>Left out</h2><ul>${items.join('')}</ul>`;
}

function legend(series: readonly Series[]): string {
  const items = series.map(({ name, className }) => `<li><i class="${className}"></i>${escapeXml(name)}</li>`);
  return `<ul class="legend">${items.join('')}</ul>`;
}

function sumOf(lists: readonly (readonly number[])[]): number[] {
  return (lists[0] ?? []).map((_, index) => lists.reduce((sum, values) => sum + (values[index] ?? 0), 0));
}

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5b6675; --rule: #d8dee6; --paper: #fff; --card: #f4f6f9;
  --watched: #2f9e6e; --blind: #d1362f; --silent: #c3cad4; --ours: #4a7dd6; --needed: #1c2430; --always-on: #a3459e; --actions: #c98a1b; --tracking: #14919b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --dim: #9aa6b5; --rule: #333c48; --paper: #12161c; --card: #1b212a;
  --watched: #3dbb85; --blind: #f0645c; --silent: #4b5563; --ours: #4f83dd; --needed: #f2f5f9; --always-on: #d27fce; --actions: #e5ae4b; --tracking: #46c2cb; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
p, .note { color: var(--dim); } figure { margin: 0; } svg { width: 100%; height: auto; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .8rem; }
.card { background: var(--card); border-radius: .5rem; padding: .8rem 1rem; display: flex; flex-direction: column; }
.card strong { font-size: 1.7rem; } .card span { color: var(--dim); font-size: .85rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0; padding: 0; font-size: .85rem; }
.legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: .15rem; margin-right: .4rem; vertical-align: -1px; background: var(--colour); }
.watched { --colour: var(--watched); } .blind { --colour: var(--blind); } .silent { --colour: var(--silent); }
.ours { --colour: var(--ours); } .needed { --colour: var(--needed); } .always-on { --colour: var(--always-on); }
.actions { --colour: var(--actions); } .tracking { --colour: var(--tracking); }
.area { fill: var(--colour); opacity: .85; } .line { fill: none; stroke: var(--colour); stroke-width: 1.5; } .line.needed { stroke-dasharray: 4 3; }
.grid { stroke: var(--rule); stroke-width: 1; } .tick { fill: var(--dim); font-size: 12px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; } th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--rule); text-align: right; font-variant-numeric: tabular-nums; }
th[scope=row] { text-align: left; font-weight: normal; }`;

/**
 * A chart of what holds for a while and then changes (cameras, GPUs over a week), as one SVG element: stacked areas or
 * lines, days below, counts beside. Invariant: every text that comes in is escaped; colours are CSS classes, so that the
 * page decides on light and dark.
 */
export type Series = {
  name: string;
  className: string;
  values: readonly number[];
  /** An area is stacked on the areas before it; a line stands by itself. */
  shape: 'area' | 'line';
};

export type StepChart = { title: string; fromMs: number; bucketMs: number; series: readonly Series[] };

const width = 1_000;
const height = 260;
const margin = { left: 46, right: 12, top: 12, bottom: 26 };
const dayMs = 86_400_000;
/** More labels than this run into each other. */
const dayLabelsMax = 10;

export function stepChart({ title, fromMs, bucketMs, series }: StepChart): string {
  const count = series[0]?.values.length ?? 0;
  const top = niceCeiling(highest(series, count));
  const x = (index: number) => margin.left + (index / Math.max(1, count)) * (width - margin.left - margin.right);
  const y = (value: number) => height - margin.bottom - (value / top) * (height - margin.top - margin.bottom);
  let base = Array.from({ length: count }, () => 0);
  const shapes = series.map(({ name, className, values, shape }) => {
    if (shape === 'line') {
      return `<path class="line ${className}" d="${steps(values, x, y)}"><title>${escapeXml(name)}</title></path>`;
    }
    const upper = values.map((value, index) => value + (base[index] ?? 0));
    const outline = `${steps(upper, x, y)} ${backSteps(base, x, y)} Z`;
    base = upper;
    return `<path class="area ${className}" d="${outline}"><title>${escapeXml(name)}</title></path>`;
  });
  const rows = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * top).toFixed(1);
    const label = Number((share * top).toFixed(2));
    return `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${at}" y2="${at}"/><text class="tick" x="${margin.left - 6}" y="${at}" dy="4" text-anchor="end">${label}</text>`;
  });
  const days = dayMarks(fromMs, fromMs + count * bucketMs).map(({ atMs, label }) => {
    const at = x((atMs - fromMs) / bucketMs).toFixed(1);
    const text = label === '' ? '' : `<text class="tick" x="${Number(at) + 4}" y="${height - 8}">${label}</text>`;
    return `<line class="grid" x1="${at}" x2="${at}" y1="${margin.top}" y2="${height - margin.bottom}"/>${text}`;
  });
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">${rows.join('')}${days.join('')}${shapes.join('')}</svg>`;
}

export function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

function highest(series: readonly Series[], count: number): number {
  const lines = series.filter(({ shape }) => shape === 'line').flatMap(({ values }) => values);
  const areas = series.filter(({ shape }) => shape === 'area');
  let most = lines.reduce((max, value) => Math.max(max, value), 0);
  for (let index = 0; index < count; index += 1) {
    const stacked = areas.reduce((sum, { values }) => sum + (values[index] ?? 0), 0);
    most = Math.max(most, stacked);
  }
  return most;
}

/** The next of 1, 2, 4, 5, 8 and 10 times a power of ten: quarters of it are round. */
function niceCeiling(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((factor) => factor * power >= value * (1 - 1e-9)) ?? 10) * power;
}

type Scale = (value: number) => number;

/** Draws only where the value changes: a week has 672 buckets and a few dozen changes. */
function steps(values: readonly number[], x: Scale, y: Scale): string {
  let path = '';
  values.forEach((value, index) => {
    if (index === 0) path = `M${x(0).toFixed(1)} ${y(value).toFixed(1)}`;
    else if (value !== values[index - 1]) path += ` H${x(index).toFixed(1)} V${y(value).toFixed(1)}`;
  });
  return path === '' ? '' : `${path} H${x(values.length).toFixed(1)}`;
}

function backSteps(values: readonly number[], x: Scale, y: Scale): string {
  let path = `V${y(values.at(-1) ?? 0).toFixed(1)}`;
  for (let index = values.length - 1; index > 0; index -= 1) {
    const next = values[index - 1] ?? 0;
    if (next !== values[index]) path += ` H${x(index).toFixed(1)} V${y(next).toFixed(1)}`;
  }
  return `${path} H${x(0).toFixed(1)}`;
}

/** Midnights of UTC, with a name for as many as there is room for. */
function dayMarks(fromMs: number, toMs: number): { atMs: number; label: string }[] {
  const first = Math.ceil(fromMs / dayMs) * dayMs;
  const days = Math.max(0, Math.ceil((toMs - first) / dayMs));
  const everyDays = Math.max(1, Math.ceil(days / dayLabelsMax));
  const format = new Intl.DateTimeFormat('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
  return Array.from({ length: Math.ceil(days / everyDays) }, (_, index) => {
    const atMs = first + index * everyDays * dayMs;
    return { atMs, label: format.format(atMs) };
  });
}

/**
 * Steps over time on a canvas (uPlot), in the colours of the theme. Invariant: who cannot see it gets the same in words:
 * `summary` is part of the page, and the picture is hidden from screen readers.
 */
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export type ChartSeries = {
  label: string;
  /** Name of a CSS variable. */
  color: string;
  isFilled?: boolean;
  isDashed?: boolean;
  values: (number | null)[];
};
type Props = { timesMs: number[]; series: ChartSeries[]; nowMs: number; summary: string; heightPx?: number };

const steps = uPlot.paths.stepped?.({ align: 1 });

export function TimeChart({ timesMs, series, nowMs, summary, heightPx = 220 }: Props) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let chart: uPlot | null = null;
    const draw = () => {
      chart?.destroy();
      const color = colorsOf(element);
      const axis = {
        stroke: color('--quiet-ink'),
        grid: { stroke: color('--line'), width: 1 },
        ticks: { show: false },
      };
      chart = new uPlot(
        {
          width: element.clientWidth,
          height: heightPx,
          cursor: { y: false },
          legend: { live: false },
          scales: { x: { time: true }, y: { range: (_chart, _min, max) => [0, Math.max(2, Math.ceil(max * 1.1))] } },
          axes: [axis, { ...axis, size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] }],
          series: [
            {},
            ...series.map(({ label, color: name, isFilled = false, isDashed = false }) => ({
              label,
              stroke: color(name),
              width: 2,
              points: { show: false },
              ...(steps === undefined ? {} : { paths: steps }),
              ...(isFilled ? { fill: color(`${name}-fill`) } : {}),
              ...(isDashed ? { dash: [6, 4] } : {}),
            })),
          ],
          hooks: { draw: [(drawn) => markNow(drawn, nowMs, color('--quiet-ink'))] },
        },
        [timesMs.map((ms) => ms / 1_000), ...series.map(({ values }) => values)] as uPlot.AlignedData,
        element,
      );
    };
    draw();
    const observer = new ResizeObserver(() => chart?.setSize({ width: element.clientWidth, height: heightPx }));
    observer.observe(element);
    const media = matchMedia('(prefers-color-scheme: dark)');
    media.addEventListener('change', draw);
    document.addEventListener('theme', draw);
    return () => {
      observer.disconnect();
      media.removeEventListener('change', draw);
      document.removeEventListener('theme', draw);
      chart?.destroy();
    };
  }, [timesMs, series, nowMs, heightPx]);
  return (
    <figure className="chart">
      <div ref={place} aria-hidden="true" />
      <figcaption>{summary}</figcaption>
    </figure>
  );
}

/** A canvas takes no variables and no light-dark(): the browser resolves each on the element itself. */
function colorsOf(element: HTMLElement): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) {
      const before = element.style.color;
      element.style.color = `var(${name})`;
      value = getComputedStyle(element).color;
      element.style.color = before;
      known.set(name, value);
    }
    return value;
  };
}

function markNow(chart: uPlot, nowMs: number, color: string): void {
  const x = Math.round(chart.valToPos(nowMs / 1_000, 'x', true));
  const { ctx, bbox } = chart;
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

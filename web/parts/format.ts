/**
 * Figures as people read them. Invariant: what is unknown is a dash, never a zero; times are the viewer's, with the zone
 * named wherever a camera's own could be meant.
 */
const unknown = '–';
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export function percent(share: number | null, digits = 1): string {
  if (share === null) return unknown;
  // Never rounded up to perfection.
  const factor = 10 ** digits;
  const shown = Math.floor(share * 100 * factor + 1e-9) / factor;
  return `${shown === 100 ? '100' : shown.toFixed(digits)} %`;
}

export function usd(amount: number | null): string {
  if (amount === null) return unknown;
  return `$${amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** 75 s as `1 min 15 s`; the two largest units. */
export function duration(ms: number): string {
  const units = [
    { label: 'd', ms: 24 * hourMs },
    { label: 'h', ms: hourMs },
    { label: 'min', ms: minuteMs },
    { label: 's', ms: 1_000 },
  ];
  const first = units.findIndex((unit) => ms >= unit.ms);
  if (first < 0) return ms <= 0 ? '0 s' : '< 1 s';
  const words: string[] = [];
  let rest = ms;
  for (const unit of units.slice(first, first + 2)) {
    const count = Math.floor(rest / unit.ms);
    if (count > 0) words.push(`${count} ${unit.label}`);
    rest -= count * unit.ms;
  }
  return words.join(' ');
}

export function ago(at: string | null, nowMs: number): string {
  if (at === null) return unknown;
  const passedMs = nowMs - Date.parse(at);
  return passedMs < 1_000 ? 'now' : `${duration(passedMs).split(' ').slice(0, 2).join(' ')} ago`;
}

const clockTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayAndTime = new Intl.DateTimeFormat(undefined, {
  ...{ year: 'numeric', month: 'short', day: 'numeric' },
  ...{ hour: '2-digit', minute: '2-digit' },
});

export function timeOfDay(at: string | number): string {
  return clockTime.format(new Date(at));
}

export function dateTime(at: string | number): string {
  return dayAndTime.format(new Date(at));
}

export const viewerZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

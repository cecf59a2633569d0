/**
 * What the ledger says of a camera's last days: scheduled, inferred and blind seconds by cause and day, and how its windows
 * were kept. Invariant: in every line scheduled = inferred + blind, in whole seconds: what rounding leaves over goes to
 * the parts that it took the most from.
 */
export type LedgerHour = {
  /** UTC, e.g. `2026-11-24T02Z`. */
  hour: string;
  scheduledSeconds: number;
  inferredSeconds: number;
  blindSeconds: Readonly<Record<string, number>>;
};
export type LedgerWindow = { start: string; outcome: 'hit' | 'missed'; latenessMs: number; cause: string | null };

export type CoverageLine = {
  scheduledSeconds: number;
  inferredSeconds: number;
  blindSeconds: Record<string, number>;
  /** 0..1; null when nothing was scheduled. */
  coverage: number | null;
};

export type Coverage = {
  /** By UTC day, oldest first; days without scheduled time are left out. */
  days: ({ day: string } & CoverageLine)[];
  total: CoverageLine;
  readyBy: { windows: number; hit: number; missed: LedgerWindow[] };
};

/** Parts of a sum in milliseconds, which add up exactly. */
type Account = { scheduledMs: number; inferredMs: number; blindMs: Map<string, number> };

export function coverageOf(hours: readonly LedgerHour[], windows: readonly LedgerWindow[]): Coverage {
  const days = new Map<string, Account>();
  const total = emptyAccount();
  for (const hour of [...hours].sort((a, b) => (a.hour < b.hour ? -1 : 1))) {
    const day = hour.hour.slice(0, 10);
    const account = days.get(day) ?? emptyAccount();
    days.set(day, account);
    for (const into of [account, total]) add(into, hour);
  }
  return {
    days: [...days].map(([day, account]) => ({ day, ...lineOf(account) })),
    total: lineOf(total),
    readyBy: {
      windows: windows.length,
      hit: windows.filter(({ outcome }) => outcome === 'hit').length,
      missed: windows.filter(({ outcome }) => outcome === 'missed'),
    },
  };
}

function emptyAccount(): Account {
  return { scheduledMs: 0, inferredMs: 0, blindMs: new Map() };
}

/** The scheduled time is what its parts come to: the ledger's own sum of the same numbers differs by rounding alone. */
function add(into: Account, { inferredSeconds, blindSeconds }: LedgerHour): void {
  const put = (ms: number) => {
    into.scheduledMs += ms;
    return ms;
  };
  into.inferredMs += put(Math.round(inferredSeconds * 1_000));
  for (const [cause, seconds] of Object.entries(blindSeconds)) {
    into.blindMs.set(cause, (into.blindMs.get(cause) ?? 0) + put(Math.round(seconds * 1_000)));
  }
}

function lineOf({ scheduledMs, inferredMs, blindMs }: Account): CoverageLine {
  const causes = [...blindMs].filter(([, ms]) => ms > 0).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const scheduledSeconds = Math.round(scheduledMs / 1_000);
  const [inferredSeconds = 0, ...blind] = wholeSeconds([inferredMs, ...causes.map(([, ms]) => ms)], scheduledSeconds);
  return {
    scheduledSeconds,
    inferredSeconds,
    blindSeconds: Object.fromEntries(causes.map(([cause], index) => [cause, blind[index] ?? 0])),
    coverage: scheduledMs === 0 ? null : inferredMs / scheduledMs,
  };
}

/** Largest remainder: whole seconds that add up to `total`, each within one of its exact value. */
function wholeSeconds(partsMs: readonly number[], total: number): number[] {
  const whole = partsMs.map((ms) => Math.floor(ms / 1_000));
  const left = total - whole.reduce((sum, value) => sum + value, 0);
  const byRemainder = partsMs.map((ms, index) => ({ index, rest: ms % 1_000 })).sort((a, b) => b.rest - a.rest);
  for (const { index } of byRemainder.slice(0, left)) whole[index] = (whole[index] ?? 0) + 1;
  return whole;
}

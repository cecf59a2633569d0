/**
 * When one camera was watched and when it was blind, and why: what the worker tells the blind-time ledger in every
 * heartbeat. Times are the worker's wall clock. A frame that was read late, after a reconnect that lost nothing, leaves no
 * gap: holes are judged by the distance of frames in producer time, and a late frame says what the camera saw that much ago.
 * Invariant: what lies before `throughMs` never changes; spans are in order, do not overlap and lie within
 * [sinceMs, throughMs]; at most `spansMax` are held, and what is forgotten is not claimed.
 */
import type { BlindSpan, WatchReport } from '../../core/fleet-state.ts';

/** Control accounts every five minutes; a span is told for three times as long. */
const toldForMs = 900_000;
/** 24 spans of about 60 bytes: a heartbeat of 50 flapping cameras stays below 100 kB of DynamoDB's 400 kB. */
const spansMax = 24;
/** Frames of a camera come at `1 / fps`; a distance is a hole from here on. */
const holeMinMs = 2_000;
const holeFrames = 2.5;
/** A session that is opened again resumes at most 5 s behind; what has not come by now will not come. */
const decidedAfterMs = 10_000;
/** The decode host reports once a second, and only then is it known that a picture stood still. */
const stillReportedEveryMs = 1_000;
const causesMax = 16;
/** What looked like these was a connection that stood still or was opened again, and cost nothing by itself. */
const recoverableCauses: ReadonlySet<string> = new Set(['silent', 'reconnect']);
/** A producer's clock that runs slow must not look like growing lateness; crystals are a tenth as bad. */
const clockDriftShare = 0.001;

export class WatchRecord {
  readonly #frameMs: number;
  readonly #holeMs: number;
  readonly #spans: BlindSpan[] = [];
  /** What kept, or would have kept, the camera blind since then; the first reaches back to `#throughMs`. */
  readonly #causes: { fromMs: number; cause: string }[] = [];
  #sinceMs: number;
  #throughMs: number;
  #isBlind = true;
  #lastCapturedAtMs: number | null = null;
  #lastInferredMs = Number.NEGATIVE_INFINITY;
  /** From capture to inference when nothing is late. */
  #leastLagMs = Number.POSITIVE_INFINITY;
  #nowMs: number;

  /**
   * @param fps wanted frames per second.
   * @param continued where another worker's record ended that this one goes on from, in wall and in producer time.
   */
  constructor(nowMs: number, fps: number, continued: { wallMs: number; capturedAtMs: number } | null = null) {
    this.#frameMs = 1_000 / fps;
    this.#holeMs = Math.max(holeMinMs, holeFrames * this.#frameMs);
    this.#sinceMs = nowMs;
    this.#throughMs = nowMs;
    this.#nowMs = nowMs;
    if (continued === null || continued.wallMs > nowMs) return;
    this.#sinceMs = continued.wallMs;
    this.#throughMs = continued.wallMs;
    this.#lastCapturedAtMs = continued.capturedAtMs;
    this.#isBlind = false;
  }

  /**
   * @param capturedAtMs producer time of a frame that has been inferred.
   * @param stillUntilMs producer time up to which the motion gate saw nothing change since the last one; null: not known.
   */
  inferred(capturedAtMs: number, stillUntilMs: number | null, wallMs: number): void {
    const nowMs = this.#advance(wallMs);
    if (stillUntilMs !== null) this.#lastCapturedAtMs = Math.max(this.#lastCapturedAtMs ?? stillUntilMs, stillUntilMs);
    const mediaStepMs = this.#lastCapturedAtMs === null ? null : capturedAtMs - this.#lastCapturedAtMs;
    this.#lastCapturedAtMs = capturedAtMs;
    const lateMs = this.#lateness(nowMs - capturedAtMs, mediaStepMs, nowMs);
    this.#lastInferredMs = nowMs;
    const isContinued = !this.#isBlind && mediaStepMs !== null && mediaStepMs >= 0 && mediaStepMs < this.#holeMs;
    const gapMs = nowMs - this.#throughMs;
    if (!isContinued && (this.#isBlind || gapMs >= this.#holeMs)) {
      // A hole in the media that is shorter than the wait for it: the rest of the wait was made good.
      const lostMs = !this.#isBlind && mediaStepMs !== null && mediaStepMs >= 0 ? mediaStepMs - this.#frameMs : gapMs;
      this.#blindUntil(this.#throughMs + Math.max(0, Math.min(gapMs, lostMs)));
    }
    this.#isBlind = false;
    this.#watchedThrough(lateMs < this.#holeMs ? nowMs : nowMs - lateMs);
  }

  /** @param wallMs when the motion gate last found that nothing had changed: as good as an inference. */
  still(wallMs: number): void {
    if (wallMs <= this.#throughMs) return;
    const gapMs = wallMs - this.#throughMs;
    if (this.#isBlind || gapMs >= this.#holeMs + stillReportedEveryMs) this.#blindUntil(wallMs);
    this.#isBlind = false;
    this.#nowMs = Math.max(this.#nowMs, wallMs);
    this.#throughMs = wallMs;
    this.#causes.length = 0;
  }

  /** Call about once a second. @param cause what would keep the camera blind at this moment. */
  observe(cause: string, wallMs: number): void {
    const nowMs = this.#advance(wallMs);
    // Media was there, and would have been read: now it is jumped over, or gone.
    if (cause === 'skipped-to-live' || cause === 'fragment-gone') {
      for (const one of this.#causes) if (recoverableCauses.has(one.cause)) one.cause = cause;
    }
    const last = this.#causes.at(-1);
    if (last?.cause !== cause) {
      this.#causes.push({ fromMs: last === undefined ? this.#throughMs : nowMs, cause });
      if (this.#causes.length > causesMax) this.#causes.splice(1, 1);
    }
    const quietMs = nowMs - Math.max(this.#throughMs, this.#lastInferredMs);
    if (!this.#isBlind && quietMs < Math.max(decidedAfterMs, this.#holeMs)) return;
    this.#isBlind = true;
    this.#blindUntil(nowMs);
    this.#throughMs = nowMs;
    this.#causes.splice(0, this.#causes.length, { fromMs: nowMs, cause });
  }

  report(): WatchReport {
    while (this.#spans.length > 0 && (this.#spans[0]?.toMs ?? 0) < this.#throughMs - toldForMs) this.#forgetOldest();
    while (this.#spans.length > spansMax) this.#forgetOldest();
    return { sinceMs: this.#sinceMs, throughMs: this.#throughMs, blind: this.#spans.map((span) => ({ ...span })) };
  }

  /** A wall clock that was set back stands still until it has caught up. */
  #advance(wallMs: number): number {
    this.#nowMs = Math.max(this.#nowMs, Math.round(wallMs));
    return this.#nowMs;
  }

  /** @returns by how much a frame is later than frames of this time line are when nothing is late. */
  #lateness(lagMs: number, mediaStepMs: number | null, nowMs: number): number {
    const isOtherTimeLine = mediaStepMs === null || mediaStepMs < 0;
    const sinceLastMs = Math.max(0, nowMs - this.#lastInferredMs);
    const leastLagMs = isOtherTimeLine ? lagMs : Math.min(lagMs, this.#leastLagMs + clockDriftShare * sinceLastMs);
    this.#leastLagMs = leastLagMs;
    return lagMs - leastLagMs;
  }

  /** What kept it blind is settled up to there; what came after it still counts. */
  #watchedThrough(atMs: number): void {
    this.#throughMs = Math.max(this.#throughMs, this.#spans.at(-1)?.toMs ?? 0, Math.round(atMs));
    const isUnsettled = this.#throughMs < this.#nowMs;
    const settled = this.#causes.findLastIndex(({ fromMs }) => fromMs <= this.#throughMs);
    this.#causes.splice(0, isUnsettled ? Math.max(0, settled) : this.#causes.length);
  }

  #blindUntil(endMs: number): void {
    const causes = this.#causes.length > 0 ? this.#causes : [{ fromMs: this.#throughMs, cause: 'interrupted' }];
    causes.forEach(({ fromMs, cause }, index) => {
      const startMs = index === 0 ? this.#throughMs : Math.min(endMs, fromMs);
      const toMs = Math.round(Math.min(endMs, causes[index + 1]?.fromMs ?? endMs));
      if (toMs <= startMs) return;
      const before = this.#spans.at(-1);
      if (before !== undefined && before.toMs === startMs && before.cause === cause) before.toMs = toMs;
      else this.#spans.push({ fromMs: startMs, toMs, cause });
    });
    if (this.#spans.length > 2 * spansMax) this.#forgetOldest();
  }

  #forgetOldest(): void {
    this.#sinceMs = Math.max(this.#sinceMs, this.#spans.shift()?.toMs ?? 0);
  }
}

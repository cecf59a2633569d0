/**
 * How busy the device is: the time in which any of its detectors had a batch, and the work that they did in it. Detectors
 * of several models share one device, so their times overlap and are not added.
 */
export class DeviceLoad {
  #batches = 0;
  #busySinceMs = 0;
  #busyMs = 0;
  #workMs = 0;

  begin(nowMs: number): void {
    if (this.#batches === 0) this.#busySinceMs = nowMs;
    this.#batches += 1;
  }

  /** @param workMs what the batch would have taken by the times measured at the start; 0 when it failed. */
  end(nowMs: number, workMs: number): void {
    this.#batches -= 1;
    this.#workMs += workMs;
    if (this.#batches === 0) this.#busyMs += nowMs - this.#busySinceMs;
  }

  /** Since the beginning. */
  totals(nowMs: number): { busyMs: number; workMs: number } {
    const runningMs = this.#batches > 0 ? nowMs - this.#busySinceMs : 0;
    return { busyMs: this.#busyMs + runningMs, workMs: this.#workMs };
  }
}

/**
 * A detector of known speed on the clock that tests step: answers are those of the real inference thread, and come when a
 * device of that speed would be done with them, one batch after the other.
 */
import type { Clock } from '../core/clock.ts';
import { InferenceClient } from './detect/inference-client.ts';
import type { InferenceSettings } from './detect/inference-messages.ts';

/** @param msPerFrame may change while it runs. */
export function slowDetector(clock: Clock, msPerFrame: () => number) {
  return async (settings: InferenceSettings): Promise<InferenceClient> => {
    const client = await InferenceClient.start(settings);
    let freeAtMs = 0;
    const detect = async (buffers: ArrayBuffer[]) => {
      const startMs = Math.max(clock.monotonicMs(), freeAtMs);
      freeAtMs = startMs + buffers.length * msPerFrame();
      const answer = await client.detect(buffers);
      await new Promise<void>((resolve) => clock.setTimer(freeAtMs - clock.monotonicMs(), resolve));
      return answer;
    };
    const changed: Partial<Record<PropertyKey, unknown>> = {
      detect,
      batchTimings: [{ batchSize: 1, medianMs: msPerFrame() }],
      measuredInferencesPerSecond: 1_000 / msPerFrame(),
    };
    return new Proxy(client, {
      get(target, key) {
        if (key in changed) return changed[key];
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

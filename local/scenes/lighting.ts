/**
 * The light of a scene: where the sun stands, how it changes over the period (clouds, the camera's exposure), and what
 * dusk adds: a blue veil and burning lamps. Invariant: every change completes whole cycles in a period, so the light
 * loops with the traffic.
 */
import type { SKRSContext2D } from '@napi-rs/canvas';
import type { SeededRandom } from '../../core/seeded-random.ts';
import { type CameraView, projectPoint } from './camera-view.ts';
import type { SceneState } from './scene.ts';
import type { Light } from './solid.ts';

export type Lighting = {
  light: Light;
  /** Brightness of persons and bicycles, which have no faces to shade. */
  uprightBrightness: number;
  /** Strength of the sensor noise, 0..1. */
  grain: number;
  apply: (context: SKRSContext2D, state: SceneState, periodMs: number, view: CameraView) => void;
};

type Hour = 'noon' | 'bright' | 'overcast' | 'golden' | 'dusk';

const veils: Readonly<Record<Hour, { color: string; alpha: number; ambient: number; sunHeight: number }>> = {
  noon: { color: '10,10,20', alpha: 0.03, ambient: 0.5, sunHeight: 0.8 },
  bright: { color: '255,250,235', alpha: 0.1, ambient: 0.55, sunHeight: 0.65 },
  overcast: { color: '120,126,134', alpha: 0.16, ambient: 0.8, sunHeight: 0.7 },
  golden: { color: '230,140,50', alpha: 0.14, ambient: 0.45, sunHeight: 0.35 },
  dusk: { color: '14,18,48', alpha: 0.42, ambient: 0.72, sunHeight: 0.4 },
};

export function lightingOf(random: SeededRandom): Lighting {
  const hour = random.weighted<Hour>({ noon: 4, bright: 2, overcast: 3, golden: 2, dusk: 2 });
  const veil = veils[hour];
  const azimuth = random.between(0, Math.PI * 2);
  const flat = Math.sqrt(1 - veil.sunHeight ** 2);
  const light: Light = {
    sun: [Math.cos(azimuth) * flat, Math.sin(azimuth) * flat, veil.sunHeight],
    ambient: veil.ambient,
  };
  const cycles = random.integer(1, 3);
  const phase = random.between(0, Math.PI * 2);
  const swing = random.between(0.03, 0.14);
  return {
    light,
    uprightBrightness: Math.min(1, veil.ambient + (1 - veil.ambient) * 0.55),
    grain: hour === 'dusk' ? random.between(0.3, 0.6) : random.between(0.08, 0.35),
    apply(context, state, periodMs, view) {
      const { width, height } = view;
      if (veil.alpha > 0) {
        context.fillStyle = `rgba(${veil.color},${veil.alpha})`;
        context.fillRect(0, 0, width, height);
      }
      const cloud = swing * (0.5 + 0.5 * Math.sin((state.timeMs / periodMs) * Math.PI * 2 * cycles + phase));
      if (cloud > 0.01) {
        context.fillStyle = `rgba(12,14,24,${cloud.toFixed(4)})`;
        context.fillRect(0, 0, width, height);
      }
      if (hour === 'dusk') burnLamps(context, state, view);
    },
  };
}

/** Head lamps that glare at the camera and tail lamps that glow, over the veil. */
function burnLamps(context: SKRSContext2D, state: SceneState, view: CameraView): void {
  const seen = new Map(state.objects.map((object) => [object.objectId, object.visibleFraction]));
  context.save();
  context.globalCompositeOperation = 'lighter';
  context.translate(state.shake[0], state.shake[1]);
  for (const thing of state.placed) {
    if (!('actor' in thing) || thing.actor.body.kind !== 'vehicle' || thing.actor.speedMetersPerSecond === 0) continue;
    if ((seen.get(thing.actor.id) ?? 0) < 0.75) continue;
    const { vehicle } = thing.actor.body;
    const sine = Math.sin(thing.actor.heading);
    const cosine = Math.cos(thing.actor.heading);
    const facing = thing.x * sine + thing.y * cosine < 0 ? 1 : -1;
    for (const side of [-1, 1]) {
      const along = (facing * vehicle.lengthMeters) / 2;
      const across = (side * vehicle.widthMeters * 0.78) / 2;
      const at = projectPoint(view, [
        thing.x + along * sine + across * cosine,
        thing.y + along * cosine - across * sine,
        0.65,
      ]);
      if (at === null) continue;
      const radius = at.pxPerMeter * (facing === 1 ? 0.55 : 0.3);
      const glow = context.createRadialGradient(at.x, at.y, 0, at.x, at.y, radius);
      glow.addColorStop(0, facing === 1 ? 'rgba(255,244,210,0.85)' : 'rgba(220,30,20,0.6)');
      glow.addColorStop(1, 'rgba(0,0,0,0)');
      context.fillStyle = glow;
      context.fillRect(at.x - radius, at.y - radius, 2 * radius, 2 * radius);
    }
  }
  context.restore();
}

/** What happens to video: sessions end and break, bytes are damaged, cameras lose their connection. */
import type { ChaosFault, Scene } from '../fault.ts';

function everyCamera({ world }: Scene, happens: (streamName: string) => void) {
  for (const cameraId of world.cameraIds) happens(cameraId);
  return { cameras: world.cameraIds };
}

export const mediaFaults: readonly ChaosFault[] = [
  {
    ...{ name: 'sessions-end', room: 'media', holdMs: 0 },
    what: 'every GetMedia session ends, as each does after 40 to 45 min',
    inject: (scene) => everyCamera(scene, (stream) => scene.world.cloud.kinesisVideo.mediaFaults.endSessions(stream)),
  },
  {
    ...{ name: 'sessions-cut', room: 'media', holdMs: 0 },
    what: 'every GetMedia connection breaks in the middle of a frame',
    inject: (scene) => everyCamera(scene, (stream) => scene.world.cloud.kinesisVideo.mediaFaults.cutSessions(stream)),
  },
  {
    ...{ name: 'media-damaged', room: 'media', holdMs: 0 },
    what: '200 bytes of every stream are damaged on the way',
    inject: (scene) =>
      everyCamera(scene, (stream) => scene.world.cloud.kinesisVideo.mediaFaults.corruptMedia(stream, 200)),
  },
  {
    ...{ name: 'cameras-dropped', room: 'media', holdMs: 0 },
    what: 'every camera loses its connection in the middle of a fragment',
    inject: (scene) => everyCamera(scene, (stream) => scene.world.cloud.kinesisVideo.mediaFaults.dropProducer(stream)),
  },
];

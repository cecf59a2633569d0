/**
 * What happens to a disk: it is full, truly. A file system of one page is mounted over the folder in which workers keep
 * prepared models, the only place where they write, and that page is taken.
 * Invariant: what was there before is there again after healing. Mounting needs root: elsewhere the fault is left out.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type ChaosFault, camerasOf, someOwner } from '../fault.ts';

const pageBytes = 4_096;

export const diskFaultsMissing =
  process.platform === 'linux' && process.getuid?.() === 0
    ? null
    : 'disk-full is left out: to mount needs Linux and root';

export const diskFaults: readonly ChaosFault[] =
  diskFaultsMissing !== null
    ? []
    : [
        {
          ...{ name: 'disk-full', room: 'host', holdMs: 20_000 },
          what: 'the disk is full for 20 s (ENOSPC) and holds no prepared model, and a worker is killed: the next cannot start',
          inject(scene) {
            const { cloud, cacheFolder } = scene.world;
            mkdirSync(cacheFolder, { recursive: true });
            execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${pageBytes}`, 'tmpfs', cacheFolder]);
            const heal = () => {
              execFileSync('umount', [cacheFolder]);
            };
            try {
              writeFileSync(path.join(cacheFolder, 'full'), Buffer.alloc(pageBytes));
              const taskId = someOwner(scene);
              const cameras = camerasOf(scene, [taskId]);
              cloud.compute.killTask(taskId, 'SIGKILL');
              return { cameras, victims: [taskId], heal };
            } catch (error) {
              heal();
              throw error;
            }
          },
        },
      ];

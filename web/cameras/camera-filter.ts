/**
 * Which cameras a table shows, and in which order, from the words in the address. Invariant: the order is total (equal ones
 * by id), so that rows do not change places from one look to the next.
 */
import { type CameraPhase, cameraPhases } from '../../core/fleet-state.ts';
import type { CameraView } from '../../core/views/camera-view.ts';

export const columns = [
  { column: 'cameraId', title: 'Camera' },
  { column: 'fleet', title: 'Fleet' },
  { column: 'phase', title: 'Phase' },
  { column: 'reason', title: 'Why' },
  { column: 'since', title: 'Since' },
  { column: 'lastInferenceAt', title: 'Last inference' },
] as const satisfies readonly { column: keyof CameraView; title: string }[];
export type SortColumn = (typeof columns)[number]['column'];

export type CameraFilter = {
  text: string;
  phase: CameraPhase | '';
  fleet: string;
  sort: SortColumn;
  order: 'up' | 'down';
};

export function filterOf(search: URLSearchParams): CameraFilter {
  const wanted = search.get('sort');
  return {
    text: search.get('text') ?? '',
    phase: cameraPhases.find((phase) => phase === search.get('phase')) ?? '',
    fleet: search.get('fleet') ?? '',
    sort: columns.find(({ column }) => column === wanted)?.column ?? 'cameraId',
    order: search.get('order') === 'down' ? 'down' : 'up',
  };
}

/** Every word of `text` must be in the id, the stream, the reason or the worker; case does not matter. */
export function filtered(
  cameras: readonly CameraView[],
  { text, phase, fleet, sort, order }: CameraFilter,
): CameraView[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const shown = cameras.filter((camera) => {
    if (phase !== '' && camera.phase !== phase) return false;
    if (fleet !== '' && camera.fleet !== fleet) return false;
    if (words.length === 0) return true;
    const { cameraId, streamName, reason, worker } = camera;
    const hay = `${cameraId} ${streamName ?? ''} ${reason} ${worker ?? ''}`.toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const sign = order === 'up' ? 1 : -1;
  return shown.sort((a, b) => sign * compare(a[sort], b[sort]) || compare(a.cameraId, b.cameraId));
}

/** What is unknown comes last on the way up. */
function compare(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}

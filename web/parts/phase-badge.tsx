/** A camera's phase: its word and a mark of its own, so that nobody needs the colour. */
import type { CameraPhase } from '../../core/fleet-state.ts';

/** What each phase asks of the one who looks: nothing, patience, or a look. */
export const phaseMarks: Readonly<Record<CameraPhase, { mark: string; tone: 'good' | 'idle' | 'wait' | 'bad' }>> = {
  running: { mark: '●', tone: 'good' },
  degraded: { mark: '◐', tone: 'bad' },
  starting: { mark: '◔', tone: 'wait' },
  warming: { mark: '◌', tone: 'wait' },
  'waiting-capacity': { mark: '▲', tone: 'bad' },
  silent: { mark: '◇', tone: 'wait' },
  shed: { mark: '▽', tone: 'bad' },
  invalid: { mark: '✕', tone: 'bad' },
  'off-schedule': { mark: '○', tone: 'idle' },
  disabled: { mark: '–', tone: 'idle' },
};

export function PhaseBadge({ phase }: { phase: CameraPhase }) {
  const { mark, tone } = phaseMarks[phase] ?? { mark: '?', tone: 'idle' };
  return (
    <span className={`phase tone-${tone}`}>
      <span aria-hidden="true">{mark}</span> {phase}
    </span>
  );
}

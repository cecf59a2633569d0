/** The colour of each phase, the same in every list: only where a terminal shows it and NO_COLOR does not forbid it. */
import { styleText } from 'node:util';
import type { CameraPhase } from '../core/fleet-state.ts';

const phaseStyles: Record<CameraPhase | 'unjudged', Parameters<typeof styleText>[0]> = {
  unjudged: 'gray',
  invalid: 'red',
  disabled: 'gray',
  'off-schedule': 'gray',
  warming: 'yellow',
  'waiting-capacity': 'yellow',
  silent: 'magenta',
  starting: 'yellow',
  running: 'green',
  degraded: 'yellow',
  shed: 'red',
};

/** Of a phase that a later version has stored too. */
export function styledPhase(phase: CameraPhase | 'unjudged'): string {
  return styleText(phaseStyles[phase] ?? 'white', phase);
}

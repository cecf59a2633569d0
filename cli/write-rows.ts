/**
 * How `camera put` and `camera import` write: the difference first, a question where a person sits at a terminal, then row
 * by row. Invariant: `--dry-run` and a no write nothing; what was decided is the last line.
 */
import { type ConfirmOptions, isConfirmed, isInteractive } from './confirm.ts';
import { countToWrite, describeChanges, type Planned, writeChanges } from './row-changes.ts';
import type { Stage } from './stage.ts';

export type WriteOptions = ConfirmOptions & { dryRun?: true; json?: true };
export type Outcome = 'written' | 'looked' | 'declined' | 'not-confirmed';

/**
 * @param above lines before the difference, `below` those after it.
 * @param needsYes without a terminal nothing is written but with `--yes`; else it is.
 */
export async function writeRows(
  stage: Stage,
  planned: readonly Planned[],
  options: WriteOptions,
  { above = [], below = [], needsYes }: { above?: string[]; below?: string[]; needsYes: boolean },
): Promise<Outcome> {
  const changes = planned.map(({ change }) => change);
  const count = countToWrite(planned);
  const say = (lines: readonly string[]) => {
    if (!options.json) console.log(lines.join('\n'));
  };
  const isOpen = options.dryRun === undefined && options.yes === undefined && count > 0;
  if (isOpen && isInteractive()) {
    say([...above, ...describeChanges(changes), ...below]);
    const question = `Write ${count === 1 ? '1 row' : `${count} rows`} to stage ${stage.stage}?`;
    if (!(await isConfirmed(question))) {
      say(['nothing is written']);
      return 'declined';
    }
    await writeChanges(stage, planned);
    const failed = changes.filter(({ problem }) => problem !== null);
    say([...failed.map(({ cameraId, problem }) => `${cameraId}: not written: ${problem}`), writtenWords(planned)]);
    return 'written';
  }
  const isLooking = options.dryRun !== undefined || (isOpen && needsYes);
  if (!isLooking) await writeChanges(stage, planned);
  const outcome = isLooking ? `${count} would be written` : writtenWords(planned);
  say([...above, ...describeChanges(changes), ...below, outcome]);
  if (!isLooking) return 'written';
  return options.dryRun === undefined ? 'not-confirmed' : 'looked';
}

function writtenWords(planned: readonly Planned[]): string {
  return `${planned.filter(({ change }) => change.written).length} written`;
}

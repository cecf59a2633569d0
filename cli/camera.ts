/**
 * `kvs-infer camera …`: what people do with camera rows. `check` gives the verdict that the system itself would give,
 * before the row is put into the registry. Contract: exit code 1 when any row has an error; warnings alone are 0.
 */
import type { Command } from 'commander';
import type { Camera, Issue } from '../core/camera.ts';
import { parseCameraRow } from '../core/parse-camera-row.ts';
import { cameraFeedCommand } from './camera-feed.ts';
import { readCameraFile } from './camera-file.ts';
import { cameraImportCommand } from './camera-import.ts';
import { cameraListCommand } from './camera-list.ts';
import { cameraOverrideCommand } from './camera-override.ts';
import { cameraRowCommands } from './camera-rows.ts';
import { cameraShowCommand } from './camera-show.ts';
import { cameraRebuildCommand } from './registry/rebuild.ts';

type Verdict = { cameraId: string; valid: boolean; issues: Issue[]; camera: Camera | null };

export function cameraCommand(program: Command): void {
  const camera = program.command('camera').description('register cameras, show what they do, hold them on or off');
  cameraListCommand(camera);
  cameraShowCommand(camera);
  cameraRowCommands(camera);
  cameraImportCommand(camera);
  cameraOverrideCommand(camera);
  cameraFeedCommand(camera);
  cameraRebuildCommand(camera);
  camera
    .command('check')
    .description('parse camera rows and print every issue, as the system would')
    .argument('<cameras.yaml...>', 'YAML or JSON files: one row, a list, or { cameras: [rows] }')
    .option('--json', 'print one JSON document: [{ cameraId, valid, issues, camera }]')
    .addHelpText('after', '\nExample:\n  $ kvs-infer camera check dock-1.yaml')
    .action(async (files: string[], options: { json?: true }) => {
      const rows = (await Promise.all(files.map(readCameraFile))).flat();
      const verdicts = rows.map(judge);
      markRepeatedIds(verdicts);
      console.log(options.json ? JSON.stringify(verdicts, null, 2) : verdicts.map(describeVerdict).join('\n'));
      if (verdicts.some((verdict) => !verdict.valid)) process.exitCode = 1;
    });
}

function judge(row: unknown, index: number): Verdict {
  const { camera, issues } = parseCameraRow(row);
  const typedId = (row as { cameraId?: unknown } | null)?.cameraId;
  return {
    cameraId: typeof typedId === 'string' ? typedId : `row ${index + 1}`,
    valid: camera !== null,
    issues,
    camera,
  };
}

/** The registry keeps one row per id: the later would silently replace the earlier. */
function markRepeatedIds(verdicts: Verdict[]): void {
  const seen = new Set<string>();
  for (const verdict of verdicts) {
    if (seen.has(verdict.cameraId)) {
      verdict.valid = false;
      verdict.issues.push({
        severity: 'error',
        path: 'cameraId',
        message: `"${verdict.cameraId}" is listed twice; ids must differ`,
      });
    }
    seen.add(verdict.cameraId);
  }
}

function describeVerdict({ cameraId, valid, issues }: Verdict): string {
  const lines = issues.map(
    (issue) => `  ${issue.severity}: ${issue.path === '' ? '' : `${issue.path}: `}${issue.message}`,
  );
  return [`${cameraId}: ${valid ? 'ok' : 'invalid, would not run'}`, ...lines].join('\n');
}

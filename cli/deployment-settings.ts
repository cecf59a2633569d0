/**
 * The deployment's settings as `sst deploy` would read them: `.env` of the folder, under the environment.
 * Invariant: what is wrong is the same message that the deployment would stop with.
 */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { parseSettings, type Settings, settingNames } from '../stacks/settings.ts';

/** @returns the settings that are set, as text. */
export function givenSettings(folder = process.cwd()): Record<string, string> {
  const fromFile = readEnvironmentFile(`${folder}/.env`);
  return Object.fromEntries(
    settingNames.flatMap((name) => {
      const value = process.env[name] ?? fromFile[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

/** @throws KvsInferError SETTINGS_INVALID */
export function deploymentSettings(stage: string): Settings {
  return parseSettings(givenSettings(), stage);
}

function readEnvironmentFile(file: string): Partial<Record<string, string>> {
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

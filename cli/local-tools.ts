/**
 * The programs that a deployment needs on this machine: Node and npm, and a container engine when the image is built here.
 * Invariant: each is asked for its version, and an answer that does not come in time counts as absent.
 */
import { execFile } from 'node:child_process';
import { type Check, failed, passed, skipped } from './preflight-checks.ts';

/** `docker info` waits for its engine; five seconds are long for one that runs. */
const answerMaxMs = 10_000;
/** From 22.18 Node runs TypeScript by itself; the package `node` brings 24. */
const nodeMin = [22, 18] as const;

export function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > nodeMin[0] || (major === nodeMin[0] && minor >= nodeMin[1])) return passed('node', version);
  return failed(
    'node',
    version,
    `run "npm ci" here, which brings Node 24, or install Node ${nodeMin.join('.')} or later`,
  );
}

export async function npmCheck(): Promise<Check> {
  const version = await answerOf('npm', ['--version']);
  return version === null ? failed('npm', 'no answer', 'install npm, which comes with Node') : passed('npm', version);
}

/** @param imageUri of the settings: with an image of one's own nothing is built. */
export async function dockerCheck(imageUri: string | undefined): Promise<Check> {
  if (imageUri !== undefined) return skipped('docker', `not needed: IMAGE_URI is ${imageUri}`);
  const fix = 'install and start Docker with buildx, or build the image elsewhere and set IMAGE_URI';
  const engine = await answerOf('docker', ['info', '--format', '{{.ServerVersion}}']);
  if (engine === null) return failed('docker', 'no engine answers', fix);
  const buildx = await answerOf('docker', ['buildx', 'version']);
  if (buildx === null) return failed('docker', `engine ${engine}, no buildx`, fix);
  return passed('docker', `engine ${engine}, ${buildx.split(' ').slice(0, 2).join(' ')}`);
}

async function answerOf(command: string, words: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(command, words, { timeout: answerMaxMs }, (error, stdout) => {
      const answer = stdout.trim().split('\n')[0] ?? '';
      resolve(error !== null || answer === '' ? null : answer);
    });
  });
}

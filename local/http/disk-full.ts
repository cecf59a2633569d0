/**
 * A full disk under the data folder: one named log line for the operator and an AWS error for the client, instead of an
 * exception that ends the process. Other cameras and tables go on; writes succeed again once there is room.
 */
import { AwsError } from './aws-error.ts';

/** LevelDB wraps the system's error in its own, so the text counts as well as the code. */
export function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC' || /no space left on device/i.test(cause.message))
      return true;
  }
  return false;
}

/** Services that could not write the last time they tried: one line when it begins, one when it ends. */
const refusing = new Set<string>();

let tell = (line: string): void => void process.stderr.write(`${line}\n`);

/** Where the line goes; stderr until this is called. A terminal with a live table must not be written to behind its back. */
export function tellOfFullDisk(log: (line: string) => void): void {
  tell = log;
}

/** @param service who could not write, for the log line. */
export async function refusingDiskFull<Result>(service: string, work: () => Promise<Result>): Promise<Result> {
  try {
    const result = await work();
    if (refusing.delete(service)) tell(`kvs-infer local cloud: ${service} stores requests again`);
    return result;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    if (!refusing.has(service)) {
      tell(
        `kvs-infer local cloud: LOCAL_DISK_FULL: ${service} cannot store requests (make room on the data folder's disk)`,
      );
    }
    refusing.add(service);
    throw new AwsError(507, 'InsufficientStorage', 'The disk that holds the local cloud is full.');
  }
}

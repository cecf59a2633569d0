/**
 * A full disk under the data folder: one named log line for the operator and an AWS error for the client, instead of an
 * exception that ends the process. Other cameras and tables go on; writes succeed again once there is room.
 */
import { AwsError } from './aws-error.ts';

/** LevelDB wraps the system's error in its own, so the text counts as well as the code. */
function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC' || /no space left on device/i.test(cause.message))
      return true;
  }
  return false;
}

/** @param service who could not write, for the log line. */
export async function refusingDiskFull<Result>(service: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    process.stderr.write(
      `kvs-infer local cloud: LOCAL_DISK_FULL: ${service} could not store a request (make room on the data folder's disk)\n`,
    );
    throw new AwsError(507, 'InsufficientStorage', 'The disk that holds the local cloud is full.');
  }
}

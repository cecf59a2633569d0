/**
 * Preloaded (`node --import`) into every task process: ends it when its standard input ends, which happens the moment the
 * local cloud's process is gone, however abruptly. Kills its whole process group, so that grandchildren go too.
 * Invariant: an unread pipe on stdin never keeps a finished task alive, and a task never outlives its cloud.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread && process.env.KVS_INFER_PARENT_PIPE === 'stdin') {
  const endWithParent = (): void => {
    try {
      // The runner made this process the leader of its own group.
      process.kill(-process.pid, 'SIGKILL');
    } catch {
      process.exit(137);
    }
  };
  process.stdin.on('end', endWithParent);
  process.stdin.on('close', endWithParent);
  process.stdin.on('error', endWithParent);
  process.stdin.resume();
  process.stdin.unref();
}

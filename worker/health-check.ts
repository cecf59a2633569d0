/**
 * The container's health check: exit code 0 when the worker answers 200, 1 otherwise with the answer on stderr. A program
 * of the image's own Node, because the image has no curl.
 * Invariant: it ends within the time that ECS and Docker give it.
 */

/** Both give 5 s (worker/Dockerfile, the task definition). */
const answerMaxMs = 4_000;

const url = process.argv[2] ?? `http://localhost:${process.env.HTTP_PORT || '8080'}/healthz`;
try {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(answerMaxMs) });
  if (!answer.ok) {
    process.stderr.write(`${url} answered ${answer.status}: ${await answer.text()}\n`);
    process.exitCode = 1;
  }
} catch (error) {
  const { message, cause } = error as Error;
  process.stderr.write(`${url}: ${cause instanceof Error ? cause.message : message}\n`);
  process.exitCode = 1;
}

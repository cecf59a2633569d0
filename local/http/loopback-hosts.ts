/**
 * A web page in the user's browser can reach loopback too: a foreign `Origin`, or a `Host` that a rebound DNS name points
 * at us, is somebody else's. Invariant: only names that mean this machine pass.
 */
const loopbackHost = /^(?:127\.0\.0\.1|localhost|\[::1\]|[a-z0-9.-]+\.localhost)$/i;

/** @returns the first of the header values that is not of this machine; null when all are. Absent ones pass. */
export function foreignHost(...values: (string | undefined)[]): string | null {
  for (const value of values) {
    if (value === undefined) continue;
    const host = value.replace(/^https?:\/\//, '').replace(/:\d+$/, '');
    if (!loopbackHost.test(host)) return value;
  }
  return null;
}

/**
 * Errors of AWS without what signs our calls: a refused signature is answered with the whole canonical request, the session
 * token in it, and an error's words go into logs, decisions and verdicts. Every client of aws/clients.ts passes through here.
 * Invariant: whoever catches an error of a client finds neither token, signature nor credential in its message or stack.
 */

const removed = '[removed]';

/** What stays says which call was refused and why. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/The Canonical String for this request should have been[\s\S]*$/, `(canonical request ${removed})`)
    .replace(/(x-amz-security-token["']?\s*[:=]\s*["']?)[^\s&"',<]+/gi, `$1${removed}`)
    .replace(/(X-Amz-(?:Signature|Credential)=)[^\s&"',<]+/gi, `$1${removed}`)
    .replace(/\b((?:Signature|Credential)=)[^\s&"',<]+/g, `$1${removed}`)
    .replace(/\b(Bearer )[\w.~+/=-]+/gi, `$1${removed}`);
}

type Middleware = (next: (args: unknown) => Promise<unknown>) => (args: unknown) => Promise<unknown>;
type Client = { middlewareStack: { add(middleware: never, options: never): void } };

/** @returns the client itself. */
export function tellingNoSecrets<C extends Client>(client: C): C {
  const middleware: Middleware = (next) => async (args) => {
    try {
      return await next(args);
    } catch (error) {
      if (error instanceof Error) {
        const { message, stack } = error;
        error.message = withoutSecrets(message);
        // The stack begins with the message as it was.
        if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
      }
      throw error;
    }
  };
  client.middlewareStack.add(
    middleware as never,
    { step: 'initialize', name: 'tellNoSecrets', override: true } as never,
  );
  return client;
}

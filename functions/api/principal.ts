/**
 * Who asks, and what that allows. In AWS the gateway has verified the token of the stage's user pool and hands its claims
 * on; on a laptop a random token, made at each start, stands for its owner.
 * Invariant: no claims, or a token that differs, is nobody: 401 on every route; only an operator changes anything.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { Problem } from './problem.ts';

export type Role = 'viewer' | 'operator';
export type Principal = { name: string; role: Role };
/** @returns null for nobody. */
export type Identify = (request: {
  header: (name: string) => string | undefined;
  claims: Claims | null;
}) => Principal | null;
export type Claims = Readonly<Record<string, unknown>>;

/** Group of the user pool whose members may change things; everybody else in the pool may look. */
export const operatorGroup = 'operator';

/** Methods that change nothing. */
const readingMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** By the claims that API Gateway's authorizer has verified. */
export const identifyByClaims: Identify = ({ claims }) => {
  if (claims === null || typeof claims.sub !== 'string') return null;
  const name = typeof claims.email === 'string' ? claims.email : claims.sub;
  return { name, role: groupsOf(claims).includes(operatorGroup) ? 'operator' : 'viewer' };
};

/** The gateway writes a list claim as text: `[viewer operator]`. */
function groupsOf(claims: Claims): string[] {
  const groups = claims['cognito:groups'];
  if (Array.isArray(groups)) return groups.map(String);
  return typeof groups === 'string' ? groups.replace(/^\[|\]$/g, '').split(/[\s,]+/) : [];
}

/** By a token that only the owner of the machine was told. */
export function identifyByToken(token: string): Identify {
  const expected = digest(token);
  return ({ header }) => {
    const given = /^Bearer (\S+)$/i.exec(header('authorization') ?? '')?.[1];
    if (given === undefined || !timingSafeEqual(digest(given), expected)) return null;
    return { name: 'owner', role: 'operator' };
  };
}

/** Of equal length, as timingSafeEqual wants it. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function authorize(
  identify: Identify,
  claimsOf: (env: unknown) => Claims | null,
): MiddlewareHandler<{ Variables: { principal: Principal } }> {
  return async (context, next) => {
    const header = (name: string) => context.req.header(name);
    const principal = identify({ header, claims: claimsOf(context.env) });
    if (principal === null) {
      throw new Problem(401, 'send a valid token: authorization: Bearer <token>', {
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
    if (principal.role !== 'operator' && !readingMethods.has(context.req.method)) {
      throw new Problem(403, `${principal.name} may look but not change: ask for the group "${operatorGroup}"`);
    }
    context.set('principal', principal);
    await next();
  };
}

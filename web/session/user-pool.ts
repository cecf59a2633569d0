/**
 * Signing in through the managed login page of the stage's Cognito user pool: authorization code with PKCE, tokens renewed
 * while the tab is open. Loaded only where a stage has a user pool.
 * Invariant: tokens live in the tab's session storage, and nowhere after it is closed.
 */
import { UserManager, WebStorageStateStore } from 'oidc-client-ts';
import type { Session, SiteConfig } from './session.ts';

const storage = new WebStorageStateStore({ store: sessionStorage });

export async function beginUserPoolSession(
  config: SiteConfig,
  { authority, clientId, hostedDomain }: NonNullable<SiteConfig['signIn']>,
): Promise<Session | null> {
  const home = `${location.origin}/`;
  const manager = new UserManager({
    authority,
    client_id: clientId,
    redirect_uri: home,
    response_type: 'code',
    scope: 'openid email',
    userStore: storage,
    stateStore: storage,
    automaticSilentRenew: true,
  });
  const goSignIn = () => void manager.signinRedirect({ state: location.pathname + location.search });
  const asked = new URLSearchParams(location.search);
  if (asked.has('code') && asked.has('state')) {
    const user = await manager.signinRedirectCallback();
    history.replaceState(null, '', typeof user.state === 'string' && user.state.startsWith('/') ? user.state : '/');
  } else if (asked.has('error')) {
    throw new Error(`Signing in failed: ${asked.get('error_description') ?? asked.get('error')}`);
  }
  const user = await manager.getUser();
  if (user === null || user.expired === true) {
    goSignIn();
    return null;
  }
  // Once for all who find the token expired: a refresh token may be good for one use.
  let renewing: Promise<string | null> | null = null;
  const renewed = () => {
    renewing ??= manager
      .signinSilent()
      .then((one) => one?.access_token ?? null)
      .catch(() => null)
      .finally(() => {
        renewing = null;
      });
    return renewing;
  };
  return {
    config,
    token: async () => {
      const present = await manager.getUser();
      return present !== null && present.expired !== true ? present.access_token : renewed();
    },
    signInAgain: { words: 'Your time is over: sign in again.', go: goSignIn },
    signOut: () => {
      void manager.removeUser().then(() => {
        const after = new URLSearchParams({ client_id: clientId, logout_uri: home });
        location.assign(`https://${hostedDomain}/logout?${after}`);
      });
    },
  };
}

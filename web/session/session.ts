/**
 * Who looks at the dashboard. On a laptop the address that `npm start` printed carries a token behind `#`, which browsers do
 * not send; in AWS the stage's user pool signs people in, by authorization code and PKCE.
 * Invariants: a token never stays in the address bar or the history; it lives as long as the tab.
 */
export type SiteConfig = {
  stage: string;
  region: string;
  /** Null on a laptop: the token comes with the address. */
  signIn: { authority: string; clientId: string; hostedDomain: string } | null;
};

export type Session = {
  config: SiteConfig;
  /** Null: nobody is signed in, and asking again needs a person. */
  token(): Promise<string | null>;
  /** What a person does to sign in again, in words; and how, where a button can. */
  signInAgain: { words: string; go: (() => void) | null };
  signOut: (() => void) | null;
};

const storageKey = 'kvs-infer-token';

/** @returns null when the browser has been sent to the sign-in page. @throws Error in words */
export async function beginSession(): Promise<Session | null> {
  const config = await readConfig();
  if (config.signIn !== null) return (await import('./user-pool.ts')).beginUserPoolSession(config, config.signIn);
  const given = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    sessionStorage.setItem(storageKey, given);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return {
    config,
    token: async () => sessionStorage.getItem(storageKey),
    signInAgain: {
      words: 'Open the address that npm start printed after "dashboard:"; each start makes a new one.',
      go: null,
    },
    signOut: null,
  };
}

async function readConfig(): Promise<SiteConfig> {
  const answer = await fetch('/config.json', { cache: 'no-cache' }).catch(() => null);
  if (answer === null)
    throw new Error('The server of this page does not answer. Is the stage, or npm start, still running?');
  if (!answer.ok) throw new Error(`config.json could not be read: HTTP ${answer.status}`);
  return (await answer.json()) as SiteConfig;
}

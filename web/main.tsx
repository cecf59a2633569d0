/**
 * Where the dashboard begins: who looks, from where, and then the page. Invariant: what cannot be shown is said in words,
 * never as an empty page.
 */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiProblem, setSession } from './api/client.ts';
import { App } from './app.tsx';
import { Notice } from './parts/notice.tsx';
import { beginSession } from './session/session.ts';
import { applyTheme, storedTheme } from './session/theme.ts';
import './theme.css';

applyTheme(storedTheme());
const root = createRoot(document.getElementById('app') as HTMLElement);
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // A lost connection is an answer too, and has to be shown.
      networkMode: 'always',
      // What the API has refused it will refuse again; a lost connection may come back.
      retry: (failures, error) => (error instanceof ApiProblem && error.status > 0 ? false : failures < 2),
      refetchOnWindowFocus: true,
    },
  },
});

try {
  const session = await beginSession();
  if (session === null) {
    // The browser is on its way to the page that asks who this is.
    root.render(<Notice title="Signing in" words="One moment: the sign-in page of this stage opens." />);
  } else {
    setSession(session);
    root.render(
      <StrictMode>
        <QueryClientProvider client={queries}>
          <App session={session} />
        </QueryClientProvider>
      </StrictMode>,
    );
  }
} catch (error) {
  const words = error instanceof Error ? error.message : String(error);
  root.render(<Notice title="The dashboard cannot start" words={words} />);
}

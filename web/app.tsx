/**
 * The frame of every page: where one is, who one is, and, once for all of them, what keeps the page from being up to date.
 * Invariant: everything in it can be reached by keyboard, the content first.
 */
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { ApiProblem } from './api/client.ts';
import { meQuery, overviewQuery } from './api/queries.ts';
import { OverviewPage } from './overview/overview-page.tsx';
import { Notice } from './parts/notice.tsx';
import type { Session } from './session/session.ts';
import { applyTheme, storedTheme, type Theme, themes } from './session/theme.ts';

const CamerasPage = lazy(() =>
  import('./cameras/cameras-page.tsx').then((module) => ({ default: module.CamerasPage })),
);
const NewCameraPage = lazy(() =>
  import('./camera-form/camera-form-page.tsx').then((module) => ({ default: module.NewCameraPage })),
);
const EditCameraPage = lazy(() =>
  import('./camera-form/camera-form-page.tsx').then((module) => ({ default: module.EditCameraPage })),
);

const places = [
  { path: '/', name: 'Overview' },
  { path: '/cameras', name: 'Cameras' },
  { path: '/fleets', name: 'Fleets' },
  { path: '/simulate', name: 'Simulate' },
] as const;

const CameraPage = lazy(() => import('./camera/camera-page.tsx').then((module) => ({ default: module.CameraPage })));
const FleetsPage = lazy(() => import('./fleet/fleets-page.tsx').then((module) => ({ default: module.FleetsPage })));
const FleetPage = lazy(() => import('./fleet/fleet-page.tsx').then((module) => ({ default: module.FleetPage })));
const SimulatePage = lazy(() =>
  import('./simulate/simulate-page.tsx').then((module) => ({ default: module.SimulatePage })),
);

export function App({ session }: { session: Session }) {
  const me = useQuery(meQuery);
  const overview = useQuery(overviewQuery);
  const lost = [me.error, overview.error].find(
    (error) => error instanceof ApiProblem && (error.status === 0 || error.status === 401),
  );
  const { config, signInAgain, signOut } = session;
  return (
    <>
      <a className="skip" href="#content">
        To the content
      </a>
      <header className="bar">
        <Link href="/" className="brand">
          kvs-infer <span className="stage">{config.stage}</span>
        </Link>
        <Navigation />
        <div className="who">
          <ThemeChoice />
          {me.data === undefined ? null : (
            <span title={`${me.data.role} of stage ${me.data.stage}`}>{me.data.name}</span>
          )}
          {signOut === null ? null : (
            <button type="button" onClick={signOut}>
              Sign out
            </button>
          )}
        </div>
      </header>
      {lost instanceof ApiProblem && lost.status === 401 ? (
        <Notice title="You are not signed in any more" words={signInAgain.words}>
          {signInAgain.go === null ? null : (
            <button type="button" onClick={signInAgain.go}>
              Sign in
            </button>
          )}
        </Notice>
      ) : null}
      {lost instanceof ApiProblem && lost.status === 0 ? (
        <Notice
          title="The connection is lost"
          words="What is shown below is as it was last heard; it goes on by itself."
        />
      ) : null}
      <main id="content" tabIndex={-1}>
        <Suspense fallback={<p className="quiet">One moment …</p>}>
          <Switch>
            <Route path="/" component={OverviewPage} />
            <Route path="/cameras/:cameraId" component={CameraPage} />
            <Route path="/fleets" component={FleetsPage} />
            <Route path="/fleets/:fleet" component={FleetPage} />
            <Route path="/simulate" component={SimulatePage} />
            <Route path="/cameras" component={CamerasPage} />
            <Route path="/new-camera" component={NewCameraPage} />
            <Route path="/cameras/:cameraId/edit" component={EditCameraPage} />
            <Route>
              <Notice title="There is no such page" words="The address may be mistyped, or from another version." />
            </Route>
          </Switch>
        </Suspense>
      </main>
    </>
  );
}

function Navigation() {
  const [path] = useLocation();
  return (
    <nav aria-label="Pages">
      {places.map(({ path: to, name }) => {
        const isHere = to === '/' ? path === '/' : path.startsWith(to);
        return (
          <Link key={to} href={to} aria-current={isHere ? 'page' : undefined}>
            {name}
          </Link>
        );
      })}
    </nav>
  );
}

function ThemeChoice() {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  return (
    <label className="theme">
      <span className="hidden">Theme</span>
      <select
        value={theme}
        onChange={({ target }) => {
          const chosen = themes.find((one) => one === target.value) ?? 'auto';
          applyTheme(chosen);
          setTheme(chosen);
        }}
      >
        {themes.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}

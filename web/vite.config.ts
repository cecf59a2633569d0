/**
 * How the dashboard is built: one page, its parts under names that change with their content.
 * Invariant: nothing is fetched from elsewhere, and no script or style stands in the page itself (its policy forbids both).
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  mode: 'production',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // What knows light-dark() in style sheets; older browsers would show one theme.
    target: ['chrome123', 'safari17.5', 'firefox120'],
    cssTarget: ['chrome123', 'safari17.5', 'firefox120'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

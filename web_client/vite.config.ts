import { fileURLToPath, URL } from 'node:url';

import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

const page = (name: string): string => fileURLToPath(new URL(`./${name}.html`, import.meta.url));

// A running product to develop against: `npm run dev` passes everything but the pages on to it.
const backend = process.env.PLENARY_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [vue()],
  resolve: {
    alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) },
  },
  define: {
    __VUE_OPTIONS_API__: 'true', // Element Plus is written with it
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  build: {
    outDir: '../orchestrator/web/static',
    emptyOutDir: true,
    target: ['chrome105', 'firefox115', 'safari16'],
    // Inlined assets would need `data:` in the pages' content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: {
        index: page('index'),
        host: page('host'),
        join: page('join'),
        monitor: page('monitor'),
        archive: page('archive'),
      },
    },
  },
  server: {
    proxy: {
      '/api': backend,
      '/signal': { target: backend.replace(/^http/, 'ws'), ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts', 'tools/**/*.test.ts'],
    testTimeout: 20_000,
  },
});

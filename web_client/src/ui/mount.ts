/** Starts a page: `mountPage(Page)` in its `main.ts`. */
import { createApp, watchEffect, type Component } from 'vue';

import { i18n, t, type MessageKey } from '@/i18n';

import './styles/tokens.css';
import './styles/base.css';

/** Mounts `page` on `#app`; `title` names the page in the browser's tab, in the present language. */
export function mountPage(page: Component, title?: MessageKey): void {
  const app = createApp(page);
  app.use(i18n);
  app.config.errorHandler = (error, _instance, info) => {
    console.error(`page failed in ${info}`, error);
  };
  watchEffect(() => {
    const product = t('common.product');
    document.title = title === undefined ? product : `${t(title)} · ${product}`;
  });
  app.mount('#app');
}

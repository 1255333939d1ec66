/**
 * `data-testid` values: the stable handles of end-to-end tests. What `data-state` says at one is in
 * its comment. A value never changes its meaning. One list for all pages, so that none is given
 * twice; sections are named after the folders.
 */
export const testIds = {
  // ui
  /** The present language: `zh-CN` | `en`. */
  languageSwitch: 'language-switch',

  // host

  // monitor

  // archive

  // start

  // venue
} as const;

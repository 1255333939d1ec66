/** zh-CN and English: chosen by the browser, switched by hand, remembered on this machine. */
import { computed, type WritableComputedRef } from 'vue';
import { createI18n } from 'vue-i18n';

import { LANGUAGES, MESSAGES, type Language, type MessageKey } from './messages';

export { LANGUAGES, type Language, type MessageKey };

const STORED_AS = 'plenary.language';

/** The language to start with: the one chosen here before, else the browser's, else English. */
export function preferredLanguage(
  stored: string | null,
  browser: readonly string[] = navigator.languages,
): Language {
  const chosen = LANGUAGES.find((language) => language === stored);
  if (chosen) return chosen;
  for (const wish of browser) {
    if (/^zh\b/i.test(wish)) return 'zh-CN';
    if (/^en\b/i.test(wish)) return 'en';
  }
  return 'en';
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null; // storage is forbidden in some private windows
  }
}

export const i18n = createI18n({
  legacy: false,
  locale: preferredLanguage(readStored()),
  fallbackLocale: 'en',
  messages: MESSAGES,
  missingWarn: true,
});

function announce(language: Language): void {
  document.documentElement.lang = language;
}
announce(i18n.global.locale.value);

export function setLanguage(language: Language): void {
  i18n.global.locale.value = language;
  announce(language);
  try {
    localStorage.setItem(STORED_AS, language);
  } catch {
    // Not remembered, but switched.
  }
}

/** Values that fill `{name}` places; `count` chooses between `one | many`. */
export type Values = Record<string, string | number>;

/** The text of a key in the present language; reactive when read in a template or computed. */
export function t(key: MessageKey, values: Values = {}): string {
  return i18n.global.t(key, values);
}

/** The same for a key that is only known at run time: the fallback's text when there is none. */
export function tOr(key: string, fallback: MessageKey, values: Values = {}): string {
  return i18n.global.te(key) || i18n.global.te(key, 'en')
    ? i18n.global.t(key, values)
    : t(fallback, values);
}

/** What components use. `language` can be set (`v-model` of a switch). */
export function useMessages(): {
  t: typeof t;
  tOr: typeof tOr;
  language: WritableComputedRef<Language>;
} {
  const language = computed<Language>({
    get: () => i18n.global.locale.value,
    set: setLanguage,
  });
  return { t, tOr, language };
}

import { describe, expect, it } from 'vitest';

import { errorText } from './errorText';
import { preferredLanguage, setLanguage, t } from './index';
import { MESSAGES } from './messages';

type Tree = { [key: string]: string | Tree };

function flatten(tree: Tree, prefix = ''): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') all.set(prefix + key, value);
    else for (const [inner, text] of flatten(value, `${prefix}${key}.`)) all.set(inner, text);
  }
  return all;
}

const en = flatten(MESSAGES.en);
const zh = flatten(MESSAGES['zh-CN']);
const places = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

describe('both languages', () => {
  it('have the same keys', () => {
    expect([...zh.keys()].sort()).toEqual([...en.keys()].sort());
  });

  it('fill the same places', () => {
    const differing = [...en].filter(
      ([key, text]) => new Set(places(text)).size !== new Set(places(zh.get(key) ?? '')).size,
    );
    expect(differing).toEqual([]);
  });

  it('leave nothing empty and nothing untranslated', () => {
    const empty = [...en, ...zh].filter(([, text]) => text.trim() === '');
    expect(empty).toEqual([]);
    // Names, units and the other language's own name may be without Chinese characters.
    const latin = [...zh].filter(
      ([key, text]) =>
        !/\p{Script=Han}/u.test(text) &&
        /[A-Za-z]{4,}/.test(text.replace(/\{\w+\}/g, '')) &&
        en.get(key) === text,
    );
    expect(latin.map(([key]) => key)).toEqual(['common.product']);
  });
});

describe('the language', () => {
  it.each([
    [null, ['zh-TW', 'en'], 'zh-CN'],
    [null, ['fr', 'zh'], 'zh-CN'],
    [null, ['de', 'en-GB', 'zh'], 'en'],
    [null, ['fr'], 'en'],
    [null, [], 'en'],
    ['zh-CN', ['en'], 'zh-CN'],
    ['xx', ['zh-Hans-CN'], 'zh-CN'],
  ])('stored %j, browser %j → %s', (stored, browser, expected) => {
    expect(preferredLanguage(stored, browser)).toBe(expected);
  });

  it('switches, marks the document and is remembered', () => {
    setLanguage('zh-CN');
    expect(t('common.mainVenue')).toBe('主会场');
    expect(document.documentElement.lang).toBe('zh-CN');
    expect(localStorage.getItem('plenary.language')).toBe('zh-CN');
    setLanguage('en');
    expect(t('common.mainVenue')).toBe('Main venue');
  });
});

describe('errors', () => {
  it('are sentences, and unknown ones name their code', () => {
    setLanguage('en');
    expect(errorText({ code: 'floor_full' })).toContain('open microphones');
    expect(errorText({ code: 'brand_new' })).toContain('brand_new');
    expect(errorText(null)).toContain('unknown');
  });
});

import { describe, expect, it } from 'vitest';

import { isTyping, shortcutFor, SHORTCUTS } from './shortcuts';

const press = (key: string, change = {}) => ({
  key,
  shiftKey: false,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...change,
});

describe('shortcutFor', () => {
  it('tells letters with and without shift apart', () => {
    expect(shortcutFor(press('g'))).toBe('grant_first');
    expect(shortcutFor(press('G', { shiftKey: true }))).toBe('grant_first_exclusively');
  });

  it('never mutes everybody by a plain letter', () => {
    expect(shortcutFor(press('m'))).toBeNull();
    expect(shortcutFor(press('M', { shiftKey: true }))).toBe('mute_all');
  });

  it('takes signs whatever shift they need on the keyboard', () => {
    expect(shortcutFor(press('?', { shiftKey: true }))).toBe('help');
    expect(shortcutFor(press('/'))).toBe('search');
  });

  it('leaves the browser its own keys', () => {
    expect(shortcutFor(press('r', { ctrlKey: true }))).toBeNull();
  });

  it('has no key twice', () => {
    const keys = SHORTCUTS.map((shortcut) => `${shortcut.shift ?? false} ${shortcut.key}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

it('keys in a field are text', () => {
  expect(isTyping(document.createElement('input'))).toBe(true);
  expect(isTyping(document.createElement('button'))).toBe(false);
  expect(isTyping(null)).toBe(false);
});

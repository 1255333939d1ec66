/** Keyboard shortcuts of the control panel: one table for the handler and for the help. */

export type ShortcutAction =
  | 'help'
  | 'grant_first'
  | 'grant_first_exclusively'
  | 'revoke_last'
  | 'mute_all'
  | 'search'
  | 'toggle_stage_sound'
  | 'toggle_recording'
  | 'toggle_list'
  | 'follow_floor'
  | 'undo';

/** `key` as in `KeyboardEvent.key`; letters work with either case unless `shift` is given. */
export const SHORTCUTS: readonly { key: string; shift?: boolean; action: ShortcutAction }[] = [
  { key: '?', action: 'help' },
  { key: 'g', action: 'grant_first' },
  { key: 'g', shift: true, action: 'grant_first_exclusively' },
  { key: 'r', action: 'revoke_last' },
  { key: 'm', shift: true, action: 'mute_all' },
  { key: '/', action: 'search' },
  { key: 's', action: 'toggle_stage_sound' },
  { key: 'c', action: 'toggle_recording' },
  { key: 'l', action: 'toggle_list' },
  { key: 'f', action: 'follow_floor' },
  { key: 'u', action: 'undo' },
];

export interface KeyPress {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** The action of a key, or null; keys with Ctrl, Alt or Meta belong to the browser. */
export function shortcutFor(press: KeyPress): ShortcutAction | null {
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  const key = press.key.toLowerCase();
  const letter = /^[a-z]$/.test(key);
  const found = SHORTCUTS.find(
    (shortcut) => shortcut.key === key && (!letter || (shortcut.shift ?? false) === press.shiftKey),
  );
  return found?.action ?? null;
}

/** Keys typed into a field are text, not commands. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    target.closest('input, textarea, select, [role="combobox"], [role="listbox"]') !== null
  );
}

import { expect, it } from 'vitest';

import type { RecordingItem } from '@/signalling/protocol';

import { findRecordings, isUnfinished, percentOf } from './recordings';

const item = (change: Partial<RecordingItem>): RecordingItem => ({
  recording_id: 'r',
  session_id: 's',
  session_title: '供水条例协商会',
  state: 'ready',
  progress: 0,
  started_at: 0,
  ...change,
});

it('finds by part of the title, newest first', () => {
  const items = [
    item({ recording_id: 'old', started_at: 1 }),
    item({ recording_id: 'new', started_at: 2 }),
    item({ recording_id: 'other', session_title: 'Budget', started_at: 3 }),
  ];
  expect(findRecordings(items, '条例').map((found) => found.recording_id)).toEqual(['new', 'old']);
  expect(findRecordings(items, '')[0]?.recording_id).toBe('other');
});

it('never claims to be done while it is being made', () => {
  expect(percentOf(item({ progress: 1 }))).toBe(99);
  expect(percentOf(item({ progress: 0.429 }))).toBe(42);
});

it('a failed recording waits for a person', () => {
  expect(isUnfinished(item({ state: 'failed' }))).toBe(false);
  expect(isUnfinished(item({ state: 'captured' }))).toBe(true);
});

/** The list of recordings. */
import type { RecordingItem } from '@/signalling/protocol';

/** Something will still change by itself: look again soon. */
export function isUnfinished(item: RecordingItem): boolean {
  return item.state === 'captured' || item.state === 'finalizing' || item.state === 'recording';
}

/** Those whose title has the text, newest first. */
export function findRecordings(items: readonly RecordingItem[], text: string): RecordingItem[] {
  const needle = text.normalize('NFKC').toLocaleLowerCase().trim();
  return items
    .filter((item) => item.session_title.normalize('NFKC').toLocaleLowerCase().includes(needle))
    .sort((a, b) => b.started_at - a.started_at);
}

/** Whole percents; 100 only when it is done. */
export function percentOf(item: RecordingItem): number {
  return Math.min(99, Math.max(0, Math.floor(item.progress * 100)));
}

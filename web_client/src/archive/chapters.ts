/** Chapters of a program and links into it. */

export interface ChapterSpan {
  start: number;
  end: number;
}

/** Index of the chapter that `seconds` falls into; -1 in a gap or before the first one. */
export function chapterAt(chapters: readonly ChapterSpan[], seconds: number): number {
  for (let index = chapters.length - 1; index >= 0; index -= 1) {
    const chapter = chapters[index]!;
    if (seconds >= chapter.start) return seconds < chapter.end ? index : -1;
  }
  return -1;
}

/** The start to jump to for "next": the first one later than now, else null. */
export function nextStart(chapters: readonly ChapterSpan[], seconds: number): number | null {
  return chapters.find((chapter) => chapter.start > seconds + 0.05)?.start ?? null;
}

/** The start to jump to for "previous": within the first two seconds of a chapter the one before,
 * later in it its own start (as music players do). */
export function previousStart(chapters: readonly ChapterSpan[], seconds: number): number | null {
  let found: number | null = null;
  for (const chapter of chapters) {
    if (chapter.start <= seconds - 2) found = chapter.start;
  }
  return found ?? chapters[0]?.start ?? null;
}

export interface ArchiveLocation {
  recordingId: string | null;
  seconds: number | null;
}

/** Reads `#<recording_id>&t=<seconds>`; `t` may also be `1:02:03`. Unknown parts are ignored. */
export function parseLocation(hash: string): ArchiveLocation {
  const [id = '', ...rest] = hash.replace(/^#/, '').split('&');
  const time = rest.find((part) => part.startsWith('t='))?.slice(2);
  const recordingId = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id) ? id : null;
  return {
    recordingId,
    seconds: time === undefined ? null : seconds(time.replaceAll(/%3A/gi, ':')),
  };
}

export function formatLocation(recordingId: string, at?: number): string {
  return `#${recordingId}${at === undefined ? '' : `&t=${Math.floor(at)}`}`;
}

function seconds(text: string): number | null {
  const parts = text.split(':').map(Number);
  if (parts.length > 3 || parts.some((part) => !Number.isFinite(part) || part < 0)) return null;
  return parts.reduce((total, part) => total * 60 + part, 0);
}

/** Who this tab is: an id that a reload keeps and a duplicated tab does not share. */
import { newKey } from '@/signalling/client';

const STORED_AS = 'plenary.client';
const LOCK_WAIT_MS = 700;

let known: Promise<string> | null = null;

/** The tab's client id; the same for every call on this page. */
export function tabClientId(): Promise<string> {
  known ??= claim();
  return known;
}

async function claim(): Promise<string> {
  const stored = read();
  // "Duplicate tab" copies the storage: whoever holds the lock keeps the id.
  const id = stored !== null && (await hold(stored)) ? stored : newKey();
  if (id !== stored) await hold(id);
  write(id);
  return id;
}

/** Hold the id's lock as long as the page lives; false when another page does. */
function hold(id: string): Promise<boolean> {
  if (!('locks' in navigator)) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks
      .request(
        `plenary.client.${id}`,
        // A reloading page may find its old self's lock for a moment.
        { signal: AbortSignal.timeout(LOCK_WAIT_MS) },
        () => {
          resolve(true);
          return new Promise<void>(() => undefined);
        },
      )
      .catch(() => resolve(false));
  });
}

function read(): string | null {
  try {
    return sessionStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}

function write(id: string): void {
  try {
    sessionStorage.setItem(STORED_AS, id);
  } catch {
    // Without storage a reload is a new client, and has to take over.
  }
}

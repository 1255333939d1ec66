/** The rows of "create a session": what is typed, pasted and read from files, put together. */
import type { NewVenue } from '@/signalling/protocol';

export const MAX_VENUES = 300;

/** A name as the server will store it. */
export function cleanName(name: string): string {
  return name.normalize('NFC').trim();
}

/** Names that occur twice, in the form in which they were typed first. */
export function duplicateNames(names: readonly string[]): string[] {
  const seen = new Map<string, string>();
  const twice = new Set<string>();
  for (const name of names.map(cleanName).filter(Boolean)) {
    const folded = name.toLocaleLowerCase();
    const first = seen.get(folded);
    if (first === undefined) seen.set(folded, name);
    else twice.add(first);
  }
  return [...twice];
}

export interface Roster {
  main: string;
  branches: string[];
}

/**
 * Adds what a file or a paste brought. Its first main venue replaces the typed one; everything
 * else is appended as a branch, names that are there already are left out.
 */
export function mergeRoster(present: Roster, imported: readonly NewVenue[]): Roster {
  const importedMain = imported.find((venue) => venue.kind === 'main');
  const main = importedMain?.name ?? present.main;
  const known = new Set([cleanName(main), ...present.branches.map(cleanName)]);
  const branches = present.branches.filter((name) => cleanName(name) !== '');
  for (const venue of imported) {
    if (venue === importedMain || known.has(cleanName(venue.name))) continue;
    known.add(cleanName(venue.name));
    branches.push(venue.name);
  }
  return { main, branches };
}

/** The venues of a roster in the order of the list; empty rows are left out. */
export function rosterVenues(roster: Roster): NewVenue[] {
  return [
    { name: cleanName(roster.main), kind: 'main' as const },
    ...roster.branches
      .map(cleanName)
      .filter(Boolean)
      .map((name) => ({ name, kind: 'branch' as const })),
  ];
}

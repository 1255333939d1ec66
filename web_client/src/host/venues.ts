/** What the host's venue cards show, derived from the view alone. */
import type { SessionView, VenueView } from '@/signalling/protocol';

/** The one word for a venue, most pressing first; badges carry the rest. */
export type VenueState = 'offline' | 'muted' | 'on_air' | 'waiting' | 'connected';

export type VenueBadge =
  | 'holder'
  | 'heard'
  | 'open'
  | 'muted'
  | 'waiting'
  | 'on_stage'
  | 'no_camera'
  | 'no_microphone'
  | 'sound_blocked';

export type VenueFilter = 'all' | 'connected' | 'on_air' | 'waiting' | 'trouble' | 'offline';

/** What the host can do with one venue. */
export type VenueAction =
  | 'grant'
  | 'grant_exclusive'
  | 'revoke'
  | 'mute'
  | 'unmute'
  | 'open'
  | 'close'
  | 'stage_1'
  | 'stage_2'
  | 'request_for'
  | 'link';

export interface VenueCard {
  venueId: string;
  name: string;
  kind: 'main' | 'branch';
  order: number;
  state: VenueState;
  badges: VenueBadge[];
  /** Position among those waiting, from 1. */
  position: number | null;
  requestId: string | null;
  holder: boolean;
  muted: boolean;
  open: boolean;
  connected: boolean;
  hasCamera: boolean;
}

/** Venues whose browser blocks sound: reported by their pages, not part of the view. */
export type SoundBlocked = ReadonlySet<string>;

export function venueCards(view: SessionView, soundBlocked: SoundBlocked = new Set()): VenueCard[] {
  const onStage = new Set<string>();
  for (const slot of Object.values(view.stage.slots)) {
    if (slot.venue_id) onStage.add(slot.venue_id);
  }
  const waiting = new Map<string, { requestId: string; position: number }>();
  view.floor.queue.forEach((requestId, index) => {
    const request = view.floor.requests[requestId];
    if (request) waiting.set(request.venue_id, { requestId, position: index + 1 });
  });
  return Object.values(view.venues)
    .map((venue) => card(venue, waiting.get(venue.venue_id) ?? null, onStage, soundBlocked))
    .sort((a, b) => a.order - b.order || a.name.localeCompare(b.name));
}

function card(
  venue: VenueView,
  place: { requestId: string; position: number } | null,
  onStage: ReadonlySet<string>,
  soundBlocked: SoundBlocked,
): VenueCard {
  const hasCamera = venue.publications.camera !== undefined;
  const badges: VenueBadge[] = [];
  if (venue.holder) badges.push('holder');
  else if (venue.heard) badges.push('heard');
  if (venue.open && venue.kind === 'branch') badges.push('open');
  if (venue.muted) badges.push('muted');
  if (place) badges.push('waiting');
  if (onStage.has(venue.venue_id)) badges.push('on_stage');
  if (venue.connected && !hasCamera) badges.push('no_camera');
  if (venue.connected && venue.publications.microphone === undefined) badges.push('no_microphone');
  if (venue.connected && soundBlocked.has(venue.venue_id)) badges.push('sound_blocked');
  return {
    venueId: venue.venue_id,
    name: venue.name,
    kind: venue.kind,
    order: venue.order,
    state: stateOf(venue, place !== null),
    badges,
    position: place?.position ?? null,
    requestId: place?.requestId ?? null,
    holder: venue.holder,
    muted: venue.muted,
    open: venue.open,
    connected: venue.connected,
    hasCamera,
  };
}

function stateOf(venue: VenueView, waits: boolean): VenueState {
  if (!venue.connected) return 'offline';
  if (venue.muted) return 'muted';
  if (venue.heard || venue.holder) return 'on_air';
  return waits ? 'waiting' : 'connected';
}

const TROUBLE: readonly VenueBadge[] = ['no_camera', 'no_microphone', 'sound_blocked'];

/** Something a host or technician would call that venue about. */
export function inTrouble(venue: VenueCard): boolean {
  return (
    venue.badges.some((badge) => TROUBLE.includes(badge)) || (venue.holder && !venue.connected)
  );
}

/** Cards that match both; the text is looked for in the name, without regard to case or width. */
export function filterCards(
  cards: readonly VenueCard[],
  text: string,
  filter: VenueFilter,
): VenueCard[] {
  const needle = fold(text);
  return cards.filter(
    (venue) => matches(venue, filter) && (needle === '' || fold(venue.name).includes(needle)),
  );
}

function matches(venue: VenueCard, filter: VenueFilter): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'connected':
      return venue.connected;
    case 'offline':
      return !venue.connected;
    case 'on_air':
      return venue.state === 'on_air' || venue.holder;
    case 'waiting':
      return venue.position !== null;
    case 'trouble':
      return inTrouble(venue);
  }
}

function fold(text: string): string {
  return text.normalize('NFKC').toLocaleLowerCase().trim();
}

/** Venues that `floor.mute_all` would newly silence; what "restore" has to open again. */
export function silencedByMuteAll(view: SessionView): string[] {
  return Object.values(view.venues)
    .filter((venue) => venue.kind === 'branch' && !venue.muted)
    .map((venue) => venue.venue_id);
}

/** How long a floor holder has spoken, in seconds of the server's clock; null: not a holder. */
export function speakingSince(view: SessionView, venueId: string): number | null {
  return view.floor.holders[venueId]?.granted_at ?? null;
}

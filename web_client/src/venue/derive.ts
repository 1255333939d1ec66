/** What the venue page shows, as pure functions of the session's view. */
import type { FloorRequestView, SessionView } from '@/signalling/protocol';
import type { Phase } from '@/signalling/types';

/** `stream`: the slot's stream; `own`: this page's camera; `slate`: the venue's name. */
export interface SlotPicture {
  slot: number;
  /** Whose picture is shown; null for an empty place. */
  venueId: string | null;
  name: string;
  show: 'stream' | 'own' | 'slate';
  why: 'empty' | 'no_picture' | 'disconnected' | null;
  /** The own venue is what everybody else sees here. */
  ownTurn: boolean;
}

/** The places of the stage in order, for the layout of the session. */
export function slotPictures(view: SessionView, ownVenueId: string | null): SlotPicture[] {
  const slots = Object.values(view.stage.slots).sort((a, b) => a.slot - b.slot);
  const shown = view.stage.layout === 'single' ? slots.slice(0, 1) : slots;
  return shown.map(({ slot, venue_id, source }) => {
    const ownTurn = venue_id != null && venue_id === ownVenueId;
    // What the server gives a venue in place of its own picture: see `alternate` in the plan.
    const main = Object.values(view.venues).find(({ kind }) => kind === 'main');
    const useAlternate = ownTurn && view.stage.layout === 'single' && main?.venue_id !== venue_id;
    const shownId = useAlternate ? main?.venue_id : venue_id;
    return picture(view, slot, shownId ?? null, source, ownTurn, ownVenueId);
  });
}

function picture(
  view: SessionView,
  slot: number,
  venueId: string | null,
  source: string,
  ownTurn: boolean,
  ownVenueId: string | null,
): SlotPicture {
  const venue = venueId === null ? undefined : view.venues[venueId];
  const base = { slot, venueId, name: venue?.name ?? '', ownTurn };
  if (!venue) return { ...base, show: 'slate', why: 'empty' };
  if (venueId === ownVenueId) return { ...base, show: 'own', why: null };
  if (!venue.connected) return { ...base, show: 'slate', why: 'disconnected' };
  if (venue.publications[source] === undefined) {
    return { ...base, show: 'slate', why: 'no_picture' };
  }
  return { ...base, show: 'stream', why: null };
}

/**
 * `unavailable`: not in this phase; `closed`: no new requests; `free`: may ask; `waiting`;
 * `holding`; `watching`: this page does not act for the venue.
 */
export type FloorKind = 'unavailable' | 'closed' | 'free' | 'waiting' | 'holding' | 'watching';

export interface OwnFloor {
  kind: FloorKind;
  request: FloorRequestView | null;
  position: number | null;
}

const WAITING: readonly string[] = ['pending', 'accepted'];

export function ownFloor(
  view: SessionView,
  ownVenueId: string | null,
  publisher: boolean,
): OwnFloor {
  const nothing = { request: null, position: null };
  if (ownVenueId === null) return { kind: 'watching', ...nothing };
  const last = view.you.request ?? null;
  const request = last && WAITING.includes(last.status) ? last : null;
  if (view.floor.holders[ownVenueId]) {
    return { kind: publisher ? 'holding' : 'watching', ...nothing };
  }
  if (request) {
    const queued = view.floor.queue.indexOf(request.request_id);
    const position = request.position ?? (queued >= 0 ? queued + 1 : null);
    return { kind: publisher ? 'waiting' : 'watching', request, position };
  }
  if (!publisher) return { kind: 'watching', ...nothing };
  if (!mayRequest(view.session.phase)) return { kind: 'unavailable', ...nothing };
  return { kind: view.floor.list_open ? 'free' : 'closed', ...nothing };
}

/** The floor is requested in the lobby too, so that the list is there when the session starts. */
export function mayRequest(phase: Phase): boolean {
  return phase === 'open' || phase === 'live' || phase === 'paused';
}

/** `on_air`: everybody hears this venue; `muted`: it would be heard, but the host has muted it. */
export type AirState = 'off' | 'on_air' | 'muted';

export function airState(view: SessionView, ownVenueId: string | null): AirState {
  const own = ownVenueId === null ? undefined : view.venues[ownVenueId];
  if (!own) return 'off';
  if (own.heard) return 'on_air';
  return own.muted && (own.holder || own.open) ? 'muted' : 'off';
}

/** Names of those who speak, in the order in which they got the floor. */
export function speakerNames(view: SessionView): string[] {
  return Object.values(view.floor.holders)
    .sort((a, b) => a.granted_at - b.granted_at)
    .map(({ venue_id, speaker }) => {
      const name = view.venues[venue_id]?.name ?? '';
      return speaker ? `${name} · ${speaker}` : name;
    });
}

/** `window.__plenary`: read-only, for support and end-to-end tests. */
import type { SessionView } from '@/signalling/protocol';

import type { Venue } from './useVenue';

export interface Diagnostics {
  /** The browser's WebRTC connections of this page. */
  pcs(): RTCPeerConnection[];
  /** A copy of the session as this page knows it. */
  view(): SessionView | null;
}

declare global {
  interface Window {
    __plenary?: Diagnostics;
  }
}

export function exposeDiagnostics(venue: () => Venue | null): void {
  window.__plenary = Object.freeze({
    pcs: () => venue()?.media.link.peerConnections() ?? [],
    view: () => structuredClone(venue()?.live.view.value ?? null),
  });
}

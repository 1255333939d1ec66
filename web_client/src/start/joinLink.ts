/** What people paste into "join link": a whole link, a link with text around it, or only its end. */

export type PastedLink =
  | { kind: 'here'; path: string }
  | { kind: 'elsewhere'; url: string; host: string }
  | { kind: 'none' };

const TOKEN = /[A-Za-z0-9._~-]{8,2000}/;

/** `origin`: of the page, e.g. `https://meeting.example`. */
export function parsePasted(text: string, origin: string): PastedLink {
  const found = /https?:\/\/[^\s<>"']+/i.exec(text)?.[0];
  if (found !== undefined) return fromUrl(found, origin);
  const path = new RegExp(`(?:^|/)join/(${TOKEN.source})`).exec(text.trim());
  if (path) return { kind: 'here', path: `/join/${path[1]}` };
  return { kind: 'none' };
}

function fromUrl(text: string, origin: string): PastedLink {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { kind: 'none' };
  }
  const match = new RegExp(`^/join/(${TOKEN.source})/?$`).exec(url.pathname);
  if (!match) return { kind: 'none' };
  const path = `/join/${match[1]}`;
  return url.origin === origin
    ? { kind: 'here', path }
    : { kind: 'elsewhere', url: `${url.origin}${path}`, host: url.host };
}

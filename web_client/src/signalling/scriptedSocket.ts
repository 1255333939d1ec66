/** A WebSocket for tests: what the client sends is read, what the server says is scripted. */
export interface Sent {
  id: number;
  method: string;
  params: Record<string, unknown>;
}

export class ScriptedSocket {
  static readonly all: ScriptedSocket[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: Sent[] = [];
  closedByClient = false;

  constructor(readonly url: string) {
    ScriptedSocket.all.push(this);
  }

  static get newest(): ScriptedSocket {
    const socket = ScriptedSocket.all.at(-1);
    if (!socket) throw new Error('no socket was opened');
    return socket;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Sent);
  }

  close(): void {
    this.closedByClient = true;
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  /** The server or the network ends it. */
  lose(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  request(method: string): Sent {
    const found = this.sent.findLast((sent) => sent.method === method);
    if (!found) throw new Error(`${method} was not sent`);
    return found;
  }

  answer(method: string, result: unknown): void {
    this.say({ jsonrpc: '2.0', id: this.request(method).id, result });
  }

  refuse(method: string, reason: string): void {
    const error = { code: -32000, message: reason, data: { reason } };
    this.say({ jsonrpc: '2.0', id: this.request(method).id, error });
  }
}

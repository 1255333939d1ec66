/**
 * Plays every sound of the stage through hidden elements, on the chosen output, and knows when the
 * browser refuses to play before a gesture.
 */
import { ref, type Ref } from 'vue';

/** Some browsers leave the promise of `play()` open while no data comes. */
const PLAY_ANSWER_MS = 2_000;

export class Playback {
  /** The browser blocks sound until `unlock()` is called by a click. */
  readonly blocked: Ref<boolean> = ref(false);
  readonly sinkId: Ref<string | null> = ref(null);
  private readonly elements = new Map<string, HTMLAudioElement>();

  /** Play exactly these from now on; what stays is not interrupted. */
  setTracks(tracks: ReadonlyMap<string, MediaStreamTrack>): void {
    for (const [name, element] of this.elements) {
      if (trackOf(element) === tracks.get(name)) continue;
      element.srcObject = null;
      element.remove();
      this.elements.delete(name);
    }
    for (const [name, track] of tracks) {
      if (!this.elements.has(name)) this.add(name, track);
    }
    if (tracks.size === 0) this.blocked.value = false;
  }

  /** From a click: play all that was refused. */
  unlock(): void {
    this.blocked.value = false;
    for (const element of this.elements.values()) this.play(element);
  }

  /** Play on this output; unknown outputs leave everything as it is. */
  async setSink(deviceId: string | null): Promise<void> {
    this.sinkId.value = deviceId;
    await Promise.all([...this.elements.values()].map((element) => this.route(element)));
  }

  /** Idempotent. */
  close(): void {
    this.setTracks(new Map());
  }

  private add(name: string, track: MediaStreamTrack): void {
    const element = document.createElement('audio');
    element.autoplay = true;
    element.hidden = true;
    element.dataset.testid = 'stage-audio';
    element.dataset.name = name;
    element.srcObject = new MediaStream([track]);
    // In the document, as some browsers do not play elements outside it.
    document.body.append(element);
    this.elements.set(name, element);
    void this.route(element);
    this.play(element);
  }

  private play(element: HTMLAudioElement): void {
    const patience = new Promise((resolve) => setTimeout(resolve, PLAY_ANSWER_MS));
    Promise.race([element.play(), patience]).catch((error: unknown) => {
      // AbortError: replaced before it began.
      if (error instanceof DOMException && error.name === 'NotAllowedError') {
        this.blocked.value = true;
      }
    });
  }

  private async route(element: HTMLAudioElement): Promise<void> {
    const deviceId = this.sinkId.value;
    if (deviceId === null || !('setSinkId' in element)) return;
    await element.setSinkId(deviceId).catch((error: unknown) => {
      console.warn('media: this output cannot be used', error);
    });
  }
}

function trackOf(element: HTMLAudioElement): MediaStreamTrack | undefined {
  return (element.srcObject as MediaStream | null)?.getAudioTracks()[0];
}

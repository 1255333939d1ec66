/**
 * One camera or microphone of this machine: opened, lost, taken again, switched off and on.
 * The state is in refs; `onTrack` hears of every change of the track.
 */
import { computed, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue';

export type CaptureKind = 'camera' | 'microphone';

/**
 * `ok`; `off` by the user (a microphone then sends silence, a camera nothing); `none`: no device;
 * `refused`: no permission; `busy`: another program has it; `lost`: it disappeared, and is taken
 * again when it returns; `insecure`: the page's address may not use devices.
 */
export type CaptureState =
  'idle' | 'starting' | 'ok' | 'off' | 'none' | 'refused' | 'busy' | 'lost' | 'insecure';

const RETAKE_EVERY_MS = 2_000;
/** An interruption (a telephone call) that lasts longer is answered by opening anew. */
const MUTED_LIMIT_MS = 3_000;

/** False where browsers hide devices: a page that is neither HTTPS nor on this machine. */
export function canCapture(): boolean {
  return typeof navigator.mediaDevices?.getUserMedia === 'function';
}

export function cameraConstraints(
  deviceId: string | null,
  facing: 'user' | 'environment' | null = null,
): MediaTrackConstraints {
  return {
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 30, max: 30 },
    ...(deviceId ? { deviceId: { exact: deviceId } } : facing ? { facingMode: facing } : {}),
  };
}

export function microphoneConstraints(deviceId: string | null): MediaTrackConstraints {
  return {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    channelCount: { ideal: 1 },
    ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
  };
}

/** What a failure of `getUserMedia` means to the user. */
export function captureFailure(error: unknown): CaptureState {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'none';
  return 'busy';
}

export class Capture {
  readonly state: Ref<CaptureState> = ref('idle');
  readonly track: ShallowRef<MediaStreamTrack | null> = shallowRef(null);
  readonly deviceId: Ref<string | null> = ref(null);
  readonly facing: Ref<'user' | 'environment' | null> = ref(null);
  /** The user wants it on. */
  readonly wanted: Ref<boolean> = ref(true);
  /** A stream of the track alone, for previews. */
  readonly stream: ComputedRef<MediaStream | null>;

  private attempt = 0;
  private retakeTimer: ReturnType<typeof setTimeout> | undefined;
  private mutedTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly watching: boolean;

  constructor(
    readonly kind: CaptureKind,
    private readonly onTrack: (track: MediaStreamTrack | null) => void = () => undefined,
  ) {
    this.stream = computed(() => (this.track.value ? new MediaStream([this.track.value]) : null));
    this.watching = canCapture();
    if (this.watching) {
      navigator.mediaDevices.addEventListener('devicechange', this.onDeviceChange);
    } else {
      this.state.value = 'insecure';
    }
  }

  /** Open this device, or the remembered or default one. Never throws: `state` says how it went. */
  async open(deviceId: string | null = this.deviceId.value): Promise<void> {
    if (!this.watching) return;
    this.deviceId.value = deviceId;
    this.wanted.value = true;
    const attempt = ++this.attempt;
    clearTimeout(this.retakeTimer);
    if (this.state.value !== 'lost') this.state.value = 'starting';
    try {
      const track = await this.take(deviceId);
      if (attempt === this.attempt) this.adopt(track);
      else track.stop();
    } catch (error) {
      if (attempt !== this.attempt) return;
      const failure = captureFailure(error);
      const wasLost = this.state.value === 'lost';
      this.release();
      this.state.value = wasLost && failure !== 'refused' ? 'lost' : failure;
      if (this.state.value === 'lost' || failure === 'busy') this.retakeLater();
    }
  }

  /** Take a track that was opened elsewhere (both devices at once ask for permission once). */
  adopt(track: MediaStreamTrack): void {
    const old = this.track.value;
    this.unwatch(old);
    track.addEventListener('ended', this.onEnded);
    track.addEventListener('mute', this.onMute);
    track.addEventListener('unmute', this.onUnmute);
    this.deviceId.value = track.getSettings().deviceId ?? this.deviceId.value;
    if ('contentHint' in track) track.contentHint = this.kind === 'camera' ? 'motion' : 'speech';
    track.enabled = this.wanted.value;
    this.track.value = track;
    this.state.value = this.wanted.value ? 'ok' : 'off';
    this.onTrack(track);
    if (old && old !== track) old.stop();
  }

  /** A failure found elsewhere, with the same meaning as one of `open`. */
  fail(error: unknown): void {
    this.state.value = captureFailure(error);
  }

  /**
   * On or off. A microphone that is off stays open and sends silence, so that it is back at once;
   * a camera that is off is closed, so that its light goes out.
   */
  async setWanted(wanted: boolean): Promise<void> {
    this.wanted.value = wanted;
    const track = this.track.value;
    if (this.kind === 'microphone' && track) {
      track.enabled = wanted;
      this.state.value = wanted ? 'ok' : 'off';
    } else if (wanted) {
      await this.open();
    } else if (this.state.value === 'ok' || this.state.value === 'starting') {
      this.attempt += 1;
      this.release();
      this.state.value = 'off';
    }
  }

  /** The other camera of a telephone. */
  async flip(): Promise<void> {
    this.facing.value = this.facing.value === 'environment' ? 'user' : 'environment';
    // Telephones open one camera at a time.
    this.release();
    await this.open(null);
  }

  /** Close the device for good. Idempotent. */
  close(): void {
    this.attempt += 1;
    clearTimeout(this.retakeTimer);
    if (this.watching) {
      navigator.mediaDevices.removeEventListener('devicechange', this.onDeviceChange);
    }
    this.release();
    this.state.value = 'idle';
  }

  private async take(deviceId: string | null): Promise<MediaStreamTrack> {
    try {
      return await this.ask(deviceId);
    } catch (error) {
      // The remembered device is not there: better another one than none.
      const gone = captureFailure(error) === 'none' && deviceId !== null;
      if (!gone || this.state.value === 'lost') throw error;
      return this.ask(null);
    }
  }

  private async ask(deviceId: string | null): Promise<MediaStreamTrack> {
    const stream = await navigator.mediaDevices.getUserMedia(
      this.kind === 'camera'
        ? { video: cameraConstraints(deviceId, this.facing.value) }
        : { audio: microphoneConstraints(deviceId) },
    );
    const [track] = stream.getTracks();
    if (!track) throw new DOMException('no track', 'NotFoundError');
    return track;
  }

  /** Close the device for now; `open` takes it again. */
  release(): void {
    clearTimeout(this.mutedTimer);
    const track = this.track.value;
    if (!track) return;
    this.unwatch(track);
    this.track.value = null;
    this.onTrack(null);
    track.stop();
  }

  private unwatch(track: MediaStreamTrack | null): void {
    track?.removeEventListener('ended', this.onEnded);
    track?.removeEventListener('mute', this.onMute);
    track?.removeEventListener('unmute', this.onUnmute);
  }

  /** The device was unplugged or its permission taken away. */
  private readonly onEnded = (): void => {
    this.release();
    this.state.value = 'lost';
    void this.open();
  };

  private readonly onMute = (): void => {
    clearTimeout(this.mutedTimer);
    this.mutedTimer = setTimeout(() => {
      // A page in the background may not open devices; `unmute` comes when it may.
      if (document.visibilityState === 'visible' && this.track.value?.muted) this.onEnded();
    }, MUTED_LIMIT_MS);
  };

  private readonly onUnmute = (): void => clearTimeout(this.mutedTimer);

  private readonly onDeviceChange = (): void => {
    const state = this.state.value;
    if (this.wanted.value && (state === 'lost' || state === 'none' || state === 'busy')) {
      void this.open();
    }
  };

  private retakeLater(): void {
    clearTimeout(this.retakeTimer);
    this.retakeTimer = setTimeout(() => {
      if (this.wanted.value && !this.track.value) void this.open();
    }, RETAKE_EVERY_MS);
  }
}

/** Open both with one question for permission; whatever fails together is tried alone. */
export async function openBoth(camera: Capture, microphone: Capture): Promise<void> {
  if (!canCapture()) return;
  camera.state.value = 'starting';
  microphone.state.value = 'starting';
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: cameraConstraints(camera.deviceId.value, camera.facing.value),
      audio: microphoneConstraints(microphone.deviceId.value),
    });
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    if (video) camera.adopt(video);
    if (audio) microphone.adopt(audio);
  } catch {
    // Also after a refusal: it may have been meant for one of the two.
    await microphone.open();
    await camera.open();
  }
}

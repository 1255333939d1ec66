/** The devices that can be chosen, kept current; what was chosen last on this machine. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue';

export interface DeviceChoice {
  deviceId: string;
  label: string;
}

export interface DeviceLists {
  cameras: DeviceChoice[];
  microphones: DeviceChoice[];
  speakers: DeviceChoice[];
}

const NONE: DeviceLists = { cameras: [], microphones: [], speakers: [] };

/** Labels appear only after permission: call `refresh` then. */
export function useDevices(): { devices: ShallowRef<DeviceLists>; refresh: () => Promise<void> } {
  const devices = shallowRef<DeviceLists>(NONE);
  const media = navigator.mediaDevices as MediaDevices | undefined;

  async function refresh(): Promise<void> {
    const found = (await media?.enumerateDevices?.().catch(() => [])) ?? [];
    const of = (kind: MediaDeviceKind) =>
      found
        .filter((device) => device.kind === kind && device.deviceId !== '')
        .map(({ deviceId, label }, index) => ({ deviceId, label: label || String(index + 1) }));
    devices.value = {
      cameras: of('videoinput'),
      microphones: of('audioinput'),
      speakers: of('audiooutput'),
    };
  }

  const onChange = () => void refresh();
  media?.addEventListener?.('devicechange', onChange);
  onScopeDispose(() => media?.removeEventListener?.('devicechange', onChange), true);
  void refresh();
  return { devices, refresh };
}

/** Browsers other than Chromium and recent Firefox always play on the system's output. */
export function canChooseSpeaker(): boolean {
  return typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;
}

const STORED_AS = 'plenary.devices';

export interface RememberedDevices {
  camera: string | null;
  microphone: string | null;
  speaker: string | null;
}

export function rememberedDevices(): RememberedDevices {
  const none = { camera: null, microphone: null, speaker: null };
  try {
    const stored = JSON.parse(localStorage.getItem(STORED_AS) ?? '{}') as RememberedDevices;
    return { ...none, ...stored };
  } catch {
    return none;
  }
}

export function rememberDevices(devices: RememberedDevices): void {
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(devices));
  } catch {
    // Asked again next time.
  }
}

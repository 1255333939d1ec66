import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Capture, captureFailure, openBoth } from './capture';
import { levelOf } from './meter';

class FakeTrack extends EventTarget {
  enabled = true;
  muted = false;
  readyState = 'live';
  stopped = false;

  constructor(
    readonly kind: 'audio' | 'video',
    private readonly deviceId: string,
  ) {
    super();
  }

  getSettings() {
    return { deviceId: this.deviceId };
  }

  stop() {
    this.stopped = true;
    this.readyState = 'ended';
  }
}

type Wanted = { audio?: unknown; video?: unknown };
let getUserMedia: ReturnType<typeof vi.fn<(wanted: Wanted) => Promise<unknown>>>;
let devices: EventTarget;

const streamOf = (...tracks: FakeTrack[]) => ({
  getTracks: () => tracks,
  getVideoTracks: () => tracks.filter(({ kind }) => kind === 'video'),
  getAudioTracks: () => tracks.filter(({ kind }) => kind === 'audio'),
});
const problem = (name: string) => new DOMException(name, name);

beforeEach(() => {
  vi.useFakeTimers();
  getUserMedia = vi.fn();
  devices = Object.assign(new EventTarget(), { getUserMedia });
  vi.stubGlobal('navigator', { mediaDevices: devices });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it.each([
  ['NotAllowedError', 'refused'],
  ['SecurityError', 'refused'],
  ['NotFoundError', 'none'],
  ['OverconstrainedError', 'none'],
  ['NotReadableError', 'busy'],
  ['AbortError', 'busy'],
])('%s means %s', (name, state) => {
  expect(captureFailure(problem(name))).toBe(state);
});

it('publishes the track, and takes the device again when it disappears', async () => {
  const tracks: unknown[] = [];
  const capture = new Capture('camera', (track) => tracks.push(track));
  const first = new FakeTrack('video', 'c1');
  getUserMedia.mockResolvedValueOnce(streamOf(first));
  await capture.open();
  expect(capture.state.value).toBe('ok');

  getUserMedia.mockRejectedValueOnce(problem('NotFoundError'));
  first.dispatchEvent(new Event('ended'));
  await vi.advanceTimersByTimeAsync(0);
  expect(capture.state.value).toBe('lost');

  const again = new FakeTrack('video', 'c1');
  getUserMedia.mockResolvedValueOnce(streamOf(again));
  devices.dispatchEvent(new Event('devicechange'));
  await vi.advanceTimersByTimeAsync(0);
  expect(capture.state.value).toBe('ok');
  expect(tracks).toEqual([first, null, again]);
  expect(getUserMedia.mock.lastCall?.[0].video).toMatchObject({ deviceId: { exact: 'c1' } });
  capture.close();
});

it('keeps trying by itself after a loss', async () => {
  const capture = new Capture('microphone');
  const first = new FakeTrack('audio', 'm1');
  getUserMedia.mockResolvedValueOnce(streamOf(first));
  await capture.open();
  getUserMedia.mockRejectedValue(problem('NotReadableError'));
  first.dispatchEvent(new Event('ended'));
  await vi.advanceTimersByTimeAsync(6_100);
  expect(getUserMedia.mock.calls.length).toBeGreaterThanOrEqual(4);
  expect(capture.state.value).toBe('lost');
  capture.close();
});

it('takes another device when the remembered one is not there', async () => {
  const capture = new Capture('camera');
  getUserMedia
    .mockRejectedValueOnce(problem('OverconstrainedError'))
    .mockResolvedValueOnce(streamOf(new FakeTrack('video', 'c2')));
  await capture.open('gone');
  expect(capture.state.value).toBe('ok');
  expect(capture.deviceId.value).toBe('c2');
  capture.close();
});

it('silences a microphone that is off, and closes a camera that is off', async () => {
  const microphone = new Capture('microphone');
  const camera = new Capture('camera');
  const audio = new FakeTrack('audio', 'm1');
  const video = new FakeTrack('video', 'c1');
  getUserMedia.mockResolvedValueOnce(streamOf(video, audio));
  await openBoth(camera, microphone);
  await microphone.setWanted(false);
  await camera.setWanted(false);
  expect([microphone.state.value, camera.state.value]).toEqual(['off', 'off']);
  expect(audio.enabled).toBe(false);
  expect(audio.stopped).toBe(false);
  expect(video.stopped).toBe(true);
  expect(camera.track.value).toBeNull();
  microphone.close();
  camera.close();
});

it('tries each alone when both together fail', async () => {
  const microphone = new Capture('microphone');
  const camera = new Capture('camera');
  getUserMedia
    .mockRejectedValueOnce(problem('NotFoundError'))
    .mockResolvedValueOnce(streamOf(new FakeTrack('audio', 'm1')))
    .mockRejectedValueOnce(problem('NotFoundError'));
  await openBoth(camera, microphone);
  expect([camera.state.value, microphone.state.value]).toEqual(['none', 'ok']);
  microphone.close();
  camera.close();
});

it('says when the page is not allowed to see devices at all', async () => {
  vi.stubGlobal('navigator', {});
  const capture = new Capture('camera');
  await capture.open();
  expect(capture.state.value).toBe('insecure');
});

it('reads a level in decibels', () => {
  expect(levelOf(new Float32Array(64))).toBe(0);
  expect(levelOf(new Float32Array(64).fill(1))).toBe(1);
  expect(levelOf(new Float32Array(64).fill(0.01))).toBeCloseTo(1 / 3, 2);
});

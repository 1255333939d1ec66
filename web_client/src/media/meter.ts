/** Level of a microphone, for a bar: 0 (silence) to 1 (full scale), smoothed for the eye. */
import { onScopeDispose, ref, watch, type Ref } from 'vue';

const FLOOR_DB = -60;
const FALL_PER_FRAME = 0.03;

/** Root mean square of samples (−1 to 1) → 0–1 on a scale of decibels. */
export function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms <= 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
}

/** Follows whatever track is in `track`; ends with the scope. */
export function useLevel(track: Readonly<Ref<MediaStreamTrack | null>>): Ref<number> {
  const level = ref(0);
  let stop: () => void = () => undefined;

  const stopWatching = watch(
    track,
    (present) => {
      stop();
      level.value = 0;
      stop = present ? measure(present, level) : () => undefined;
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    stopWatching();
    stop();
  });
  return level;
}

function measure(track: MediaStreamTrack, level: Ref<number>): () => void {
  const context = new AudioContext();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let frame = 0;
  const read = () => {
    analyser.getFloatTimeDomainData(samples);
    level.value = Math.max(levelOf(samples), level.value - FALL_PER_FRAME);
    frame = requestAnimationFrame(read);
  };
  // Without a gesture the context may start suspended.
  const resume = () => void context.resume();
  document.addEventListener('pointerdown', resume, { once: true });
  resume();
  read();
  return () => {
    cancelAnimationFrame(frame);
    document.removeEventListener('pointerdown', resume);
    source.disconnect();
    void context.close();
  };
}

/** A short, soft two-tone chime on the chosen output, to find out whether sound is heard. */
export async function playTestSound(sinkId: string | null): Promise<void> {
  const context = new AudioContext();
  if (sinkId !== null && 'setSinkId' in context) {
    await (context as AudioContext & { setSinkId(id: string): Promise<void> })
      .setSinkId(sinkId)
      .catch(() => undefined);
  }
  await context.resume();
  const start = context.currentTime + 0.05;
  [523.25, 659.25].forEach((frequency, index) => {
    const tone = context.createOscillator();
    const gain = context.createGain();
    const at = start + index * 0.35;
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.25, at + 0.03);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.65);
  });
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await context.close();
}

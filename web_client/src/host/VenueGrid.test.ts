import { flushPromises, mount } from '@vue/test-utils';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { defineComponent, h } from 'vue';

import { i18n } from '@/i18n';

import { sampleVenue, sampleView } from './sampleView';
import VenueGrid from './VenueGrid.vue';
import { venueCards, type VenueCard } from './venues';

/** Everything observed is in sight at once, as on a large screen. */
class AllInSight {
  constructor(private readonly report: IntersectionObserverCallback) {}
  observe(target: Element): void {
    const entry = { target, isIntersecting: true } as IntersectionObserverEntry;
    queueMicrotask(() => this.report([entry], this as unknown as IntersectionObserver));
  }
  disconnect(): void {}
}

beforeEach(() => vi.stubGlobal('IntersectionObserver', AllInSight));
afterEach(() => vi.unstubAllGlobals());

const Card = defineComponent({
  props: { venue: { type: Object as () => VenueCard, required: true } },
  setup: (props) => () =>
    h('article', { 'data-testid': 'venue-row', 'data-venue-id': props.venue.venueId }),
});

const cards = () => venueCards(sampleView());

async function grid() {
  const wrapper = mount(VenueGrid, {
    props: {
      venues: cards(),
      pictureOf: () => null,
      speakingOf: () => null,
      canControl: true,
      sideBySide: false,
    },
    // The card itself is Element Plus over and over: slow here, and not what this is about.
    global: { plugins: [i18n], stubs: { VenueTile: Card, ElSelect: true, ElPagination: true } },
  });
  await flushPromises();
  return wrapper;
}

it('asks for the pictures of connected venues with a camera', async () => {
  const wrapper = await grid();
  expect(wrapper.emitted<[string[]]>('visible')?.at(-1)).toEqual([['m', 'a']]);
});

it('does not ask again when the same venues come as new objects, once a second', async () => {
  const wrapper = await grid();
  const before = wrapper.emitted('visible')?.length;
  for (let second = 0; second < 3; second += 1) {
    await wrapper.setProps({ venues: cards() });
    await flushPromises();
  }
  expect(wrapper.emitted('visible')).toHaveLength(before ?? 0);
});

it('shows 118 venues page by page', async () => {
  const wrapper = await grid();
  const venues = Object.fromEntries(
    Array.from({ length: 118 }, (_, order) => [`v${order}`, sampleVenue(`v${order}`, { order })]),
  );
  await wrapper.setProps({ venues: venueCards(sampleView({ venues })) });
  expect(wrapper.findAll('[data-testid="venue-row"]')).toHaveLength(24);
});

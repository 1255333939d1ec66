import { mountPage } from '@/ui/mount';

import VenuePage from './VenuePage.vue';

mountPage(VenuePage);

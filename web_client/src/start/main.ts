import { mountPage } from '@/ui/mount';

import StartPage from './StartPage.vue';

mountPage(StartPage);

import { mountPage } from '@/ui/mount';

import HostPage from './HostPage.vue';

mountPage(HostPage, 'host.title');

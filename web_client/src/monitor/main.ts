import { mountPage } from '@/ui/mount';

import MonitorPage from './MonitorPage.vue';

mountPage(MonitorPage, 'monitor.title');

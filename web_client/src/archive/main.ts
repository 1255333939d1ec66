import { mountPage } from '@/ui/mount';

import ArchivePage from './ArchivePage.vue';

mountPage(ArchivePage, 'archive.title');

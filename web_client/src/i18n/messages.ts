/** The texts of every page in both languages, and the type of their keys. */
import enArchive from './en/archive.json';
import enCommon from './en/common.json';
import enErrors from './en/errors.json';
import enHost from './en/host.json';
import enMonitor from './en/monitor.json';
import enStart from './en/start.json';
import enVenue from './en/venue.json';
import zhArchive from './zh-CN/archive.json';
import zhCommon from './zh-CN/common.json';
import zhErrors from './zh-CN/errors.json';
import zhHost from './zh-CN/host.json';
import zhMonitor from './zh-CN/monitor.json';
import zhStart from './zh-CN/start.json';
import zhVenue from './zh-CN/venue.json';

export const LANGUAGES = ['zh-CN', 'en'] as const;
export type Language = (typeof LANGUAGES)[number];

const en = {
  common: enCommon,
  errors: enErrors,
  start: enStart,
  host: enHost,
  venue: enVenue,
  monitor: enMonitor,
  archive: enArchive,
};

const zhCN = {
  common: zhCommon,
  errors: zhErrors,
  start: zhStart,
  host: zhHost,
  venue: zhVenue,
  monitor: zhMonitor,
  archive: zhArchive,
};

type Leaves<T> = {
  [K in keyof T & string]: T[K] extends string ? K : `${K}.${Leaves<T[K]>}`;
}[keyof T & string];

/** `page.key`, nested with dots: what `t()` takes. */
export type MessageKey = Leaves<typeof en>;

export const MESSAGES = { 'zh-CN': zhCN, en } as const;

/** Which advice fits this browser. */
import type { MessageKey } from '@/i18n';

/** How to allow camera and microphone, by user agent. */
export function permissionAdvice(userAgent: string = navigator.userAgent): MessageKey {
  if (/MicroMessenger/i.test(userAgent)) return 'venue.advice.wechat';
  if (/iPhone|iPad/.test(userAgent)) return 'venue.advice.ios';
  if (/Android/.test(userAgent)) return 'venue.advice.android';
  if (/Firefox\//.test(userAgent)) return 'venue.advice.firefox';
  if (/Chrome\//.test(userAgent)) return 'venue.advice.chrome';
  if (/Safari\//.test(userAgent)) return 'venue.advice.safari';
  return 'venue.advice.other';
}

/** A telephone or tablet: has a front and a back camera rather than a list of them. */
export function isHandheld(userAgent: string = navigator.userAgent): boolean {
  return /Android|iPhone|iPad/.test(userAgent);
}

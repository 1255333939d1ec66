/** A line of the log in the present language. */
import { t, tOr } from '@/i18n';

import type { LogLine } from './eventLog';

/** Reasons that the server writes as words of its own; a person's reason stands as it is. */
const KNOWN_REASONS = 'host.log.reason';

export function lineText(line: LogLine): string {
  const { venue, speaker, subject, reason, position } = line.values;
  const who = [venue, speaker].filter(Boolean).join(' · ');
  const main = tOr(`host.log.${line.key}`, 'host.log.other', {
    venue: who || (venue ?? ''),
    position: position ?? '',
    key: line.key,
  });
  const details = [subject ?? '', reasonText(reason ?? '')].filter(Boolean);
  return details.length > 0
    ? t('host.log.withDetails', { main, details: details.join(' · ') })
    : main;
}

function reasonText(reason: string): string {
  if (reason === '' || reason === 'released' || reason === 'by_host' || reason === 'closed')
    return '';
  return /^[a-z_]+$/.test(reason)
    ? tOr(`${KNOWN_REASONS}.${reason}`, 'host.log.reason.other', { reason })
    : reason;
}

/**
 * mutt and neomutt, told alike what a person would type.
 */
import type { TestImap } from '../imap/server.ts'
import { address, password } from '../imap/server.ts'

/** @param more for the line that names the server */
export const muttSettings = ({ port }: Pick<TestImap, 'port'>, more = ''): string =>
  [
    `set imap_user=${address} imap_pass=${password} ssl_starttls=no ssl_force_tls=no`,
    `set folder=imap://127.0.0.1:${port}/ ${more}`,
    'set spoolfile=+INBOX trash=+Trash sort=mailbox-order',
    'set quit=yes delete=yes wait_key=no move=no confirmappend=no pipe_decode=no',
  ].join('\n')

/** Of three letters the first goes to the file `out`, the second is flagged, the third copied to Archive and deleted. */
export const muttKeys = (out: string): string =>
  [
    `<first-entry><pipe-message>cat > ${out}<enter>`,
    '<next-entry><flag-message>',
    '<last-entry><copy-message>+Archive<enter><delete-message>',
    '<sync-mailbox><quit>',
  ].join('')

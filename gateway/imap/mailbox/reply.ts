/**
 * What the store says of a mailbox name, as IMAP says it. RFC 5530.
 */
import type { Mailbox, MailboxNo } from '../../../store/mailbox.ts'
import { no, type Reply } from '../reply.ts'

export const missing = no('NONEXISTENT', 'There is no such mailbox')
/** For APPEND, COPY and MOVE: the client may make it and try again. RFC 3501 §7.1. */
export const tryCreate = no('TRYCREATE', 'There is no such mailbox; create it first')
export const notWritable = no('NOPERM', 'That mailbox is kept by the gateway; nothing can be put there')

/** Never given to another mailbox, also after a restore, and kept when it is renamed. RFC 8474 §4. */
export const mailboxId = ({ id, uidValidity }: Pick<Mailbox, 'id' | 'uidValidity'>): string => `F${id}-${uidValidity}`

/** What a session is told whose mailbox another one deleted. */
export const deletedElsewhere = 'The mailbox you had selected was deleted elsewhere'
/** To a command that wants something of it. */
export const isDeleted = no('NONEXISTENT', deletedElsewhere)

export const mailboxNo: Record<MailboxNo, Reply> = {
  missing,
  exists: no('ALREADYEXISTS', 'There is a mailbox of that name already'),
  malformed: no(
    'CANNOT',
    'No mailbox can be called that: empty or too long names, control characters, * and % are out',
  ),
  special: no('NOPERM', 'The gateway needs that mailbox under its name'),
  children: no('HASCHILDREN', 'There are mailboxes below it; delete those first'),
  inside: no('CANNOT', 'No mailbox can be renamed to a name below itself'),
}

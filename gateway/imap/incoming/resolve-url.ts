/** The bytes that a URL of CATENATE means: of the account's own messages only. RFC 4469 §3. */
import { Readable } from 'node:stream'
import { cached } from '../../../store/cached.ts'
import { find as findMailbox } from '../../../store/mailbox.ts'
import { byUid } from '../../../store/message.ts'
import type { Session } from '../command.ts'
import { columnsFor, find } from '../fetch/body.ts'
import { type Section, sectionNamed } from '../fetch/item.ts'
import { type MessageUrl, parseUrl } from '../wire/url.ts'
import { Malformed } from '../wire/words.ts'

/** Undefined if it names nothing that is here. */
export const resolveUrl = async (
  session: Session,
  text: string,
): Promise<{ size: number; bytes: Readable } | undefined> => {
  const url = parseUrl(text)
  const section = url && sectionOf(url)
  const mailbox = url && (await mailboxOf(session, url))
  if (!url || !section || !mailbox) return undefined
  const { db } = session.edge.store
  const row = await byUid(db, mailbox.id, url.uid)
  const columns = columnsFor(section)
  const [known] = row && columns.length > 0 ? await cached(db, [row.id], columns) : [{}]
  const found = row && known && (await find(db, row, known, section))
  if (!found || found.bytes === null) return undefined
  const { size, bytes } = found
  return { size, bytes: Buffer.isBuffer(bytes) ? Readable.from([bytes], { objectMode: false }) : bytes }
}

const sectionOf = ({ section, partial }: MessageUrl): Section | undefined => {
  try {
    return sectionNamed(section, partial)
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

const mailboxOf = async ({ edge, user, selected }: Session, { mailbox, uidValidity }: MessageUrl) => {
  const found = mailbox === undefined ? selected?.mailbox : await findMailbox(edge.store.db, user.id, mailbox)
  return found && (uidValidity ?? found.uidValidity) === found.uidValidity ? found : undefined
}

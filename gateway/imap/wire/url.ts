/**
 * An IMAP URL that names a message or a piece of one, of the account at hand: RFC 5092 §7, as CATENATE (RFC 4469)
 * uses it. Pure.
 *
 * url = [ "/" mailbox [";UIDVALIDITY=" number] "/" ] ";UID=" number ["/;SECTION=" section] ["/;PARTIAL=" from ["." count]]
 *
 * Without a mailbox it is of the one that is selected. Mailbox and section are UTF-8, percent-encoded.
 */
export type MessageUrl = {
  mailbox?: string
  uidValidity?: number
  uid: number
  /** Empty: all of the message. */
  section: string
  partial?: { from: number; count: number }
}

const PATTERN =
  /^(?:\/(?<mailbox>[^;]+?)(?:;UIDVALIDITY=(?<validity>\d{1,10}))?\/)?;UID=(?<uid>[1-9]\d{0,9})(?:\/;SECTION=(?<section>[^;/]+))?(?:\/;PARTIAL=(?<from>\d{1,10})(?:\.(?<count>[1-9]\d{0,9}))?)?$/i
/** As many octets as there may be (RFC 3501 §9, number). */
const ALL = 0xffffffff

/** Undefined for what is no such URL, one of another server included. */
export const parseUrl = (text: string): MessageUrl | undefined => {
  const found = PATTERN.exec(text)?.groups
  if (!found) return undefined
  const { mailbox: spelled = '', validity, from, count } = found
  const [mailbox, section] = [plain(spelled), plain(found.section ?? '')]
  if (mailbox === undefined || section === undefined || mailbox.startsWith('/')) return undefined
  return {
    uid: Number(found.uid),
    section,
    ...(mailbox !== '' && { mailbox }),
    ...(validity !== undefined && { uidValidity: Number(validity) }),
    ...(from !== undefined && { partial: { from: Number(from), count: Number(count ?? ALL) } }),
  }
}

const plain = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined // no UTF-8, or a percent sign alone
  }
}

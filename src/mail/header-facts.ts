/**
 * What SEARCH compares of a header, folded (fold.ts). RFC 3501 §6.4.4.
 */
import { fold } from './fold.ts'
import { parseHeader, unfold } from './header.ts'
import { decodeText } from './words.ts'

export type HeaderFacts = {
  /** In order, names lower-case, values decoded. */
  fields: { name: string; value: string }[]
  /** Epoch ms of the day the Date field names, in its own zone. */
  sentDay: number | undefined
}

/** What the header of a message says, ready to be compared. */
export const headerFacts = (header: Buffer): HeaderFacts => {
  const raw = parseHeader(header).fields.map(([name, value]) => ({ name: name.toLowerCase(), value: unfold(value) }))
  const date = raw.find(({ name }) => name === 'date')?.value
  return {
    fields: raw.map(({ name, value }) => ({ name, value: fold(decodeText(value)) })),
    sentDay: date === undefined ? undefined : dayNamed(date),
  }
}

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec'

/** `Tue, 1 Jul 2003 23:52:37 -0800` is the 1st of July, whatever day that was in Greenwich. */
const dayNamed = (date: string): number | undefined => {
  const [, day, month = '', year] = /(\d{1,2})[\s-]+([A-Za-z]{3})[a-z]*[\s-]+(\d{4})/.exec(date.slice(0, 200)) ?? []
  const at = MONTHS.indexOf(month.toLowerCase())
  return day === undefined || at % 3 !== 0 ? undefined : Date.UTC(Number(year), at / 3, Number(day))
}

/**
 * What SEARCH compares of a header, folded (fold.ts). RFC 3501 §6.4.4.
 */
import { readDate } from './date.ts'
import { fold, withSingleBlanks } from './fold.ts'
import { parseHeader, unfold } from './header.ts'
import { readableParams } from './param.ts'
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
  const date = raw.findLast(({ name }) => name === 'date')?.value // as ENVELOPE tells it
  return {
    fields: raw.map(({ name, value }) => ({
      name,
      value: withSingleBlanks(fold(decodeText(value) + readableParams(name, value))),
    })),
    sentDay: readDate(date ?? '')?.day,
  }
}

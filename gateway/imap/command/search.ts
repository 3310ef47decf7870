/**
 * SEARCH and UID SEARCH. RFC 3501 §6.4.4, RFC 4731, RFC 5182, RFC 5267 (CONTEXT), RFC 9394.
 * search = "SEARCH" [SP "RETURN" SP "(" [option *(SP option)] ")"] [SP "CHARSET" SP astring] 1*(SP search-key)
 */
import { type Command, mailboxOpen } from '../command.ts'
import { ok } from '../reply.ts'
import { type Looked, parseLooked, tellFound } from '../search/answer.ts'
import { keyOf } from '../search/filter.ts'
import { findSelected } from '../search/search.ts'
import { keepUpdated, programOf } from '../search/updating.ts'
import type { By } from '../view/range.ts'

const searching = (by: By): Command<Looked> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { byNumber: true, keepsNumbers: true }),
  parse(words) {
    words.space()
    return parseLooked(words)
  },

  async run(session, looked) {
    const { returns } = looked
    const key = await keyOf(session, looked)
    const program = programOf(session, { by, key, returns })
    const found = await findSelected(session, key)
    tellFound(session, 'SEARCH', { by, key, returns }, found)
    if (program) keepUpdated(session, program, found)
    return ok('Searched')
  },
})

export const search = searching('seq')
export const uidSearch = searching('uid')

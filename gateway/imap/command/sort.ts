/**
 * SORT and UID SORT. RFC 5256 §3, RFC 5957 (DISPLAYFROM, DISPLAYTO), RFC 5267 (ESORT, CONTEXT).
 * sort = "SORT" [SP return-options] SP "(" sort-criterion *(SP sort-criterion) ")" SP charset 1*(SP search-key)
 */
import { type Command, mailboxOpen } from '../command.ts'
import { ok } from '../reply.ts'
import { type Looked, tellFound } from '../search/answer.ts'
import { parseKeysIn } from '../search/charset.ts'
import { keyOf } from '../search/filter.ts'
import { parseReturns } from '../search/return.ts'
import { findSelected } from '../search/search.ts'
import { type Order, parseOrder, sorted } from '../search/sort.ts'
import { keepUpdated, programOf } from '../search/updating.ts'
import type { By } from '../view/range.ts'

type Args = Looked & { order: Order[] }

const sorting = (by: By): Command<Args> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { byNumber: true, keepsNumbers: true }),
  parse(words) {
    words.space()
    const returns = parseReturns(words)
    const order = parseOrder(words)
    words.space()
    const charset = words.astring()
    words.space()
    return { returns, order, key: parseKeysIn(words, charset) }
  },

  async run(session, { order, ...looked }) {
    const { returns } = looked
    const key = await keyOf(session, looked)
    const program = programOf(session, { by, key, returns }, { order })
    const found = await sorted(session.edge, session.mailbox, await findSelected(session, key), order)
    tellFound(session, 'SORT', { by, key, returns }, found)
    if (program) keepUpdated(session, program, found)
    return ok('Sorted')
  },
})

export const sort = sorting('seq')
export const uidSort = sorting('uid')

/**
 * SORT and UID SORT. RFC 5256 §3, RFC 5957 (DISPLAYFROM, DISPLAYTO), RFC 5267 (ESORT, CONTEXT).
 * sort = "SORT" [SP return-options] SP "(" sort-criterion *(SP sort-criterion) ")" SP charset 1*(SP search-key)
 */
import { type Command, mailboxOpen } from '../command.ts'
import type { By } from '../range.ts'
import { ok } from '../reply.ts'
import { findSelected } from '../search.ts'
import { tellFound } from '../search-answer.ts'
import { badCharset, charsetDecoder } from '../search-charset.ts'
import { type Key, parseKeys } from '../search-key.ts'
import { parseReturns, type Returns } from '../search-return.ts'
import { type Order, parseOrder, sorted } from '../sort.ts'
import { keepUpdated, programOf } from '../updating.ts'

type Args = { returns: Returns | undefined; order: Order[]; key: Key | 'bad-charset' }

const sorting = (by: By): Command<Args> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { byNumber: true, keepsNumbers: true }),
  parse(words) {
    words.space()
    const returns = parseReturns(words)
    const order = parseOrder(words)
    words.space()
    const decode = charsetDecoder(words.astring())
    words.space()
    return { returns, order, key: decode ? parseKeys(words, decode) : 'bad-charset' }
  },

  async run(session, { returns, order, key }) {
    if (returns?.save && key === 'bad-charset') session.mailbox.saved = []
    if (key === 'bad-charset') return badCharset
    const program = programOf(session, { by, key, returns }, { order })
    const found = await sorted(session.edge, session.mailbox, await findSelected(session, key), order)
    tellFound(session, 'SORT', { by, key, returns }, found)
    if (program) keepUpdated(session, program, found)
    return ok('Sorted')
  },
})

export const sort = sorting('seq')
export const uidSort = sorting('uid')

/**
 * SORT and UID SORT. RFC 5256 §3, RFC 5957 (DISPLAYFROM, DISPLAYTO), RFC 5267 (ESORT).
 * sort = "SORT" [SP return-options] SP "(" sort-criterion *(SP sort-criterion) ")" SP charset 1*(SP search-key)
 */
import { type Command, mailboxOpen, ok } from '../command.ts'
import { type By, uidsOf } from '../range.ts'
import { findSelected } from '../search.ts'
import { badCharset, charsetDecoder } from '../search-charset.ts'
import { asksModseq, type Key, parseKeys } from '../search-key.ts'
import { esearchLine, modseqOf, parseReturns, type Returns, savedOf } from '../search-return.ts'
import { type Criterion, parseCriteria, sorted } from '../sort.ts'

type Args = { returns: Returns | undefined; criteria: Criterion[]; key: Key | 'bad-charset' }

const sorting = (by: By): Command<Args> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { keepsNumbers: true }),
  parse(words) {
    words.space()
    const returns = parseReturns(words)
    const criteria = parseCriteria(words)
    words.space()
    const decode = charsetDecoder(words.astring())
    words.space()
    return { returns, criteria, key: decode ? parseKeys(words, decode) : 'bad-charset' }
  },

  async run(session, { returns, criteria, key }) {
    const { edge, mailbox, output, tag, enabled } = session
    if (returns?.save && key === 'bad-charset') mailbox.saved = []
    if (key === 'bad-charset') return badCharset
    const tellsModseq = asksModseq(key)
    if (tellsModseq) enabled.add('CONDSTORE')
    const found = await sorted(edge.store.db, await findSelected(session, key), criteria)
    if (returns?.save) mailbox.saved = savedOf(returns, uidsOf(found))
    const numbers = found.map(({ seq, row }) => (by === 'uid' ? row.uid : seq))
    const modseq = tellsModseq ? modseqOf(returns, found) : undefined
    const plain = ['* SORT', ...numbers, ...(modseq === undefined ? [] : [`(MODSEQ ${modseq})`])].join(' ')
    const line = returns ? esearchLine(tag, returns, numbers, by === 'uid', modseq) : plain
    if (line) output.line(line)
    return ok('Sorted')
  },
})

export const sort = sorting('seq')
export const uidSort = sorting('uid')

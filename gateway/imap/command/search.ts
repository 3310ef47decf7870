/**
 * SEARCH and UID SEARCH. RFC 3501 §6.4.4, RFC 4731, RFC 5182, RFC 9394.
 * search = "SEARCH" [SP "RETURN" SP "(" [option *(SP option)] ")"] [SP "CHARSET" SP astring] 1*(SP search-key)
 */
import { type Command, mailboxOpen, ok } from '../command.ts'
import type { By } from '../range.ts'
import { findSelected } from '../search.ts'
import { tellFound } from '../search-answer.ts'
import { badCharset, charsetDecoder, USUAL_CHARSET } from '../search-charset.ts'
import { type Key, parseKeys } from '../search-key.ts'
import { parseReturns, type Returns } from '../search-return.ts'
import type { Words } from '../wire/words.ts'

type Args = { returns: Returns | undefined; key: Key | 'bad-charset' }

const searching = (by: By): Command<Args> => ({
  in: mailboxOpen,
  ...(by === 'seq' && { keepsNumbers: true }),
  parse(words) {
    words.space()
    const returns = parseReturns(words)
    const decode = charsetDecoder(charsetOf(words) ?? USUAL_CHARSET)
    return { returns, key: decode ? parseKeys(words, decode) : 'bad-charset' }
  },

  async run(session, { returns, key }) {
    // A search that is to be saved and fails leaves nothing in `$`. RFC 5182 §2.1.
    if (returns?.save && key === 'bad-charset') session.mailbox.saved = []
    if (key === 'bad-charset') return badCharset
    tellFound(session, 'SEARCH', { by, key, returns }, await findSelected(session, key))
    return ok('Searched')
  },
})

export const search = searching('seq')
export const uidSearch = searching('uid')

const charsetOf = (words: Words): string | undefined => {
  if (!words.tryWord('CHARSET')) return undefined
  words.space()
  const charset = words.astring()
  words.space()
  return charset
}

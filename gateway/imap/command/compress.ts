/**
 * COMPRESS DEFLATE: what follows the answer is compressed, both ways. RFC 4978.
 * compress = "COMPRESS" SP "DEFLATE"
 */

import { type Command, loggedIn } from '../command.ts'
import { bad, no, ok } from '../reply.ts'

export const compress: Command<[algorithm: string]> = {
  in: loggedIn,
  parse: (words) => words.all(words.keyword),
  async run(session, [algorithm]) {
    if (algorithm !== 'DEFLATE') return no('CANNOT', 'Only DEFLATE is known here')
    if (session.isCompressed) return no('COMPRESSIONACTIVE', 'It is compressed already')
    // What came behind the command is not compressed, and nobody could tell where that ends.
    if (session.input.hasMore) return bad('more came before the answer')
    return { ...ok('From here on compressed'), next: 'deflate' }
  },
}

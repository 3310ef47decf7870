/**
 * A searching command whose client is kept told of what it finds: RETURN (UPDATE). RFC 5267 §4.3, RFC 5465 §7.
 */

import { runsOf } from '../../../store/range.ts'
import type { Session } from '../command.ts'
import { tell } from '../fetch/tell.ts'
import { bad, Declined } from '../reply.ts'
import type { Program } from '../view/contexts.ts'
import type { Numbered } from '../view/shown.ts'
import { isIn, resolveSet } from '../wire/sequence.ts'
import type { Asked } from './answer.ts'
import { asksAge, asksFlags, type Key, replaced } from './key.ts'
import { findAmong, type Place } from './search.ts'
import { inserted, type Order } from './sort.ts'

const tagInUse = bad('a search of that tag is kept up to date already')

/** To be called before the search. Undefined where no updates were asked for. */
export const programOf = (
  session: Session,
  { by, key, returns }: Pick<Asked, 'by' | 'key'> & { returns: Asked['returns'] | undefined },
  { order, about = '' }: { order?: readonly Order[]; about?: string } = {},
): Program | undefined => {
  const items = returns?.update
  if (!items) return undefined
  const { edge, mailbox, tag } = session
  if (mailbox.contexts.has(tag)) throw new Declined(tagInUse)
  mailbox.contexts.listen()
  const lasting = withUids(mailbox, key)
  return {
    tag,
    about: `TAG "${tag}"${about}`,
    byUid: by === 'uid',
    asksFlags: asksFlags(key),
    isFleeting: asksAge(key),
    among: (messages) => findAmong(edge, mailbox, lasting, messages),
    ...(order && {
      inserted: (uids: readonly number[], added: readonly Numbered[]) => inserted(edge, mailbox, uids, added, order),
    }),
    fetch: async (fresh) => items.length > 0 && tell(session, fresh, items),
  }
}

/** To be called when what was found is told. */
export const keepUpdated = ({ mailbox, output }: Session, program: Program, found: readonly Numbered[]): void => {
  if (mailbox.contexts.keep(program, found)) return
  output.line(`* NO [NOUPDATE "${program.tag}"] This search is not kept up to date; there may be too many`)
}

/** Numbers, and `$`, mean the messages they mean now, whatever they mean later. RFC 5267 §4.3. */
const withUids = ({ view, saved }: Place, key: Key): Key =>
  replaced(key, (part) => {
    if (part.is === 'saved') return { is: 'uid', ranges: [...saved] }
    if (part.is !== 'seq') return part
    const ranges = resolveSet(part.ranges, view.count)
    const uids: number[] = []
    view.each(({ seq, row }) => void (isIn(ranges, seq) && uids.push(row.uid)))
    return { is: 'uid', ranges: runsOf(uids) }
  })

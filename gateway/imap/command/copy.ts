/**
 * COPY, MOVE and their UID forms. RFC 3501 §6.4.7, RFC 6851, UIDPLUS RFC 4315.
 * copy = "COPY" SP sequence-set SP mailbox
 *
 * By numbers it is all or nothing: if one of them is gone, nothing is copied (RFC 2180 §4.4.1). Of very many, MOVE does
 * so piece by piece (store/move.ts).
 */
import { find } from '../../../store/mailbox.ts'
import { copy as copyTo, move as moveTo, type UidPair } from '../../../store/move.ts'
import type { Range } from '../../../store/range.ts'
import type { Code } from '../code.ts'
import { type Command, mailboxOpen } from '../command.ts'
import { notWritable, tryCreate } from '../mailbox/reply.ts'
import { ok } from '../reply.ts'
import { type By, expungeIssued, meant, noSuchNumber } from '../view/range.ts'
import { uidsOf } from '../view/shown.ts'
import { formatSet } from '../wire/sequence.ts'

type Args = [ranges: Range[], to: string]

const copying = (by: By, moves: boolean): Command<Args> => ({
  in: mailboxOpen,
  ...(moves && { writes: true, removes: true }),
  ...(by === 'seq' && { byNumber: true }),
  parse: (words) => words.all(words.sequenceSet, words.mailbox),
  async run({ edge, user, mailbox, output }, [ranges, to]) {
    const { db } = edge.store
    const all = meant(mailbox, by, ranges)
    if (!all) return noSuchNumber
    if (all.someAreGone) return expungeIssued
    const target = await find(db, user.id, to)
    if (!target) return tryCreate
    if (target.readOnly) return notWritable
    const [from, uids] = [mailbox.mailbox.id, uidsOf(all.messages)]
    const which = by === 'seq' ? 'all-or-none' : 'those-there'
    const pairs = moves
      ? await moveTo(db, from, uids, target.id, which)
      : await copyTo(db, from, uids, target.id, edge.config.quota, which)
    if (pairs.length === 0) return by === 'seq' && uids.length > 0 ? expungeIssued : ok('There was nothing to do')
    const code = copyUid(target.uidValidity, pairs)
    if (!moves) return ok('Copied', code)
    // COPYUID leaves before any EXPUNGE renumbers the messages. RFC 6851 §4.3.
    output.line(`* OK [${code}] Moved`)
    return by === 'seq' && pairs.length < uids.length ? expungeIssued : ok('Moved', mailbox.modseqCode)
  },
})

export const copy = copying('seq', false)
export const uidCopy = copying('uid', false)
export const move = copying('seq', true)
export const uidMove = copying('uid', true)

const copyUid = (uidValidity: number, pairs: readonly UidPair[]): Code => {
  const [from, to] = [formatSet(pairs.map((pair) => pair.from)), formatSet(pairs.map((pair) => pair.to))]
  return `COPYUID ${uidValidity} ${from} ${to}`
}

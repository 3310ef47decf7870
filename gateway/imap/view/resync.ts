/**
 * What a client that was away has missed of a mailbox: which of its messages vanished, which changed. RFC 7162 §3.2.
 *
 *   SELECT box (QRESYNC (uidvalidity modseq [known-uids [(known-seqs their-uids)]]))
 *   UID FETCH set items (CHANGEDSINCE modseq VANISHED)
 *
 * The store knows what vanished as far back as its horizon (store/vanished.ts). For longer ago, everything the client
 * may know and that is not there has vanished; the numbers it remembers shorten that to what follows the last message
 * that still has the number it had.
 */
import type { Db } from '../../../store/db.ts'
import type { Range } from '../../../store/range.ts'
import { vanishedSince } from '../../../store/vanished.ts'
import type { Output } from '../output.ts'
import { formatRanges, intersect, LARGEST, resolveSet, SAVED, without } from '../wire/sequence.ts'
import { fail, type Words } from '../wire/words.ts'
import type { Selected } from './selected.ts'
import { uidsOf } from './shown.ts'
import type { View } from './view.ts'

/** What the client remembers of a mailbox. */
export type Remembered = {
  uidValidity: number
  modseq: number
  /** Uids it has; all there may be, if it does not say. */
  known: Range[]
  /** Some of its numbers, and the uids they had. */
  match: { seqs: Range[]; uids: Range[] } | undefined
}

const everything: Range[] = [{ from: 1, to: LARGEST }]
/** Of one VANISHED: lines stay within what clients read. */
const RUNS_A_LINE = 500

/** What stands behind QRESYNC. */
export const parseRemembered = (words: Words): Remembered => {
  words.expect('(')
  const uidValidity = words.number()
  words.space()
  const modseq = words.modseq()
  let known: Range[] | undefined
  let match: Remembered['match']
  if (words.trySpace() && words.peek() !== '(') known = plainSet(words)
  if (words.peek() === '(' || (known && words.trySpace())) match = parseMatch(words)
  words.expect(')')
  return { uidValidity, modseq, known: known ?? everything, match }
}

const parseMatch = (words: Words): Remembered['match'] => {
  words.expect('(')
  const seqs = plainSet(words)
  words.space()
  const uids = plainSet(words)
  words.expect(')')
  return { seqs, uids }
}

/** Ascending and apart; `*` means nothing to who has not selected yet. */
const plainSet = (words: Words): Range[] => {
  const ranges = words.sequenceSet()
  if (ranges === SAVED || ranges.some(({ from, to }) => !Number.isFinite(from) || !Number.isFinite(to)))
    fail('* and $ are out of place here')
  return resolveSet(ranges, 0)
}

/** Tells a client that selects all it missed, if the mailbox is still the one it knows. */
export const resync = async (db: Db, selected: Selected, output: Output, remembered: Remembered): Promise<void> => {
  const { mailbox, view } = selected
  if (remembered.uidValidity !== mailbox.uidValidity) return
  const above = remembered.match ? matchedUpTo(view, remembered.match) : 0
  await tellVanished(db, selected, output, remembered, above)
  const known = view.byUid(remembered.known)
  for (const message of known) {
    if (message.row.modseq <= remembered.modseq) continue
    output.line(selected.changedLine(message, { uid: true, flags: true }))
    if (!output.hasRoom) await output.room()
  }
}

/** @param above with what left too long ago: only uids above it can have vanished */
export const tellVanished = async (
  db: Db,
  { mailbox, view }: Selected,
  output: Output,
  { modseq, known }: Pick<Remembered, 'modseq' | 'known'>,
  above = 0,
): Promise<void> => {
  const runs = await vanishedSince(db, mailbox.id, modseq)
  const highest = Math.max(mailbox.uidNext - 1, view.largestUid)
  const perhaps = runs ? resolveSet(runs, 0) : [{ from: above + 1, to: highest }]
  // What is shown still will be told when its number goes.
  const vanished = without(intersect(perhaps, known), uidsOf([...view]))
  for (let at = 0; at < vanished.length; at += RUNS_A_LINE)
    output.line(`* VANISHED (EARLIER) ${formatRanges(vanished.slice(at, at + RUNS_A_LINE))}`)
}

/** The largest uid that still has the number the client remembers: nothing up to it vanished. */
export const matchedUpTo = (view: View, { seqs, uids }: { seqs: readonly Range[]; uids: readonly Range[] }): number => {
  let largest = 0
  let uidRange = 0
  let used = 0
  for (const { from, to } of seqs) {
    for (let seq = from; seq <= Math.min(to, view.count); seq++) {
      const range = uids[uidRange]
      if (!range) return largest
      const uid = range.from + used++
      if (uid === range.to) {
        uidRange++
        used = 0
      }
      if (view.seqOf(uid) === seq) largest = uid
    }
  }
  return largest
}

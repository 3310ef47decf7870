/**
 * At the origin: a submitted message becomes one envelope for each recipient elsewhere and a
 * delivery for each recipient here, in the transaction that precedes 250.
 */
import { targetOfEntity } from '../address.ts'
import { done, type Effect, nothing, type Step } from '../effect.ts'
import { type Envelope, keyOf } from '../envelope/envelope.ts'
import type { RefusalCode } from '../refusal.ts'
import { waysTo } from '../route/cache.ts'
import type { Known } from '../route/search.ts'
import { type Change, contactKey, type Local, type State } from '../state.ts'
import { folderFor, trustByWriting } from '../trust/contact.ts'
import { type Custody, SEAL_GUARD_MS, unsent } from './custody.ts'
import { finish } from './finish.ts'
import { advance } from './handing.ts'
import { isForHere, release } from './hold.ts'
import { tellRecipient } from './letters.ts'
import { lodge } from './lodge.ts'
import { logged, loggedWait } from './log.ts'
import { isContested, targetFor, tellContest } from './seeking.ts'
import { isOver, overall, type Recipient, type Submission } from './submission.ts'

/** @param here the message with the trace fields of a delivery here: what recipients of this gateway get */
export const submitted = (state: State, given: Submission, here: number, now: number): Step => {
  if (state.submissions.has(given.id)) return done
  const isLater = given.holdUntil !== undefined && given.holdUntil > now
  const parts = given.recipients.map((one) =>
    isLater
      ? hold(state, given, one, here, given.holdUntil ?? now)
      : state.addresses.has(one.address)
        ? deliverHere(state, given, one, here, now)
        : spool(state, given, one, now),
  )
  const recipients = parts.map((part) => part.recipient)
  const changes = parts.flatMap((part) => part.changes)
  const effects = parts.flatMap((part) => part.effects)
  // What never leaves the gateway is delivered already: nothing is under way, so Outgoing need not show it.
  if (recipients.every((one) => isOver(one.stage))) return { changes, effects, answer: { say: 'done' } }
  const row: Submission = { ...given, header: startOf(given.header), recipients }
  const shown: Change[] = [
    { put: 'submission', row },
    { outgoing: row.id, account: row.account, stage: overall(recipients) },
  ]
  return { changes: [...shown, ...changes], effects, answer: { say: 'done' } }
}

/** What a notice shows of the header. The row is written anew at every stage of every recipient, so it must stay small. */
const HEADER_KEPT_BYTES = 16 * 1024

/** Whole lines, with the empty line at the end; base64 as in `Submission`. */
const startOf = (header: string): string => {
  const bytes = Buffer.from(header, 'base64')
  if (bytes.length <= HEADER_KEPT_BYTES) return header
  const end = bytes.lastIndexOf('\r\n', HEADER_KEPT_BYTES - 4)
  const kept = end < 0 ? bytes.subarray(0, HEADER_KEPT_BYTES - 4) : bytes.subarray(0, end)
  return Buffer.concat([kept, Buffer.from('\r\n\r\n')]).toString('base64')
}

type Part = { recipient: Recipient; changes: Change[]; effects: Effect[] }

const deliverHere = (state: State, given: Submission, recipient: Recipient, here: number, now: number): Part => {
  const entity = state.addresses.get(recipient.address)
  const local = entity === undefined ? undefined : state.locals.get(entity)
  if (local === undefined) return spool(state, given, recipient, now)
  const key = keyOf(state.me, recipient.envelope)
  const provenance = { key, from: given.entity, address: given.from, path: [state.me], at: now }
  const folder = folderFor(state, local.entity, given.entity)
  if (state.lodging === 'lmtp') return lodgeHere(state, given, recipient, local, here, now)
  const delivered: Recipient = { ...recipient, stage: 'Delivered' }
  return {
    recipient: delivered,
    changes: [
      { deliver: { account: local.account, folder, body: here, provenance } },
      ...trustByWriting(state, given.entity, local.entity, local.address, now),
      ...tellRecipient(
        state,
        given,
        delivered,
        { trail: [], id: delivered.envelope, tried: [] },
        { kind: 'delivered' },
        now,
      ),
    ],
    effects: [logged('delivered', { key, messageId: given.messageId, address: recipient.address }, { detail: folder })],
  }
}

/** Its life, and the time until a delay is told, begin when it goes. */
const hold = (state: State, given: Submission, recipient: Recipient, here: number, heldUntil: number): Part => {
  const local = state.locals.get(state.addresses.get(recipient.address) ?? '')
  const to = local?.entity ?? state.knownAt.get(recipient.address)
  const life = to ? state.terms.knownLifeMs : state.terms.unknownLifeMs
  const row: Custody = {
    ...rowOf(state, { ...given, at: heldUntil }, recipient),
    ...(to && { to }),
    ...(local && { body: here }),
    ...(local && state.lodging === 'lmtp' && { lodge: { to: local.address, from: given.from } }),
    expires: heldUntil + life,
    heldUntil,
    retryAt: heldUntil,
  }
  const trust = local ? trustByWriting(state, given.entity, local.entity, local.address, given.at) : []
  return {
    recipient,
    changes: [{ put: 'custody', row }, ...trust],
    effects: [logged('held', row)],
  }
}

/** One that never leaves this gateway, but its recipient's mail is kept by another server. */
const lodgeHere = (
  state: State,
  given: Submission,
  recipient: Recipient,
  local: Local,
  here: number,
  now: number,
): Part => {
  const known = { ...rowOf(state, given, recipient), to: local.entity, body: here }
  const expires = lifeOf(known, state.terms.knownLifeMs)
  const { changes, effects } = lodge(
    { ...known, state: 'handing', expires, lodge: { to: local.address, from: given.from } },
    now,
  )
  const trust = trustByWriting(state, given.entity, local.entity, local.address, now)
  return { recipient: { ...recipient, stage: 'InCustody' }, changes: [...changes, ...trust], effects }
}

const spool = (state: State, given: Submission, recipient: Recipient, now: number): Part => {
  const to = state.knownAt.get(recipient.address)
  const life = to ? state.terms.knownLifeMs : state.terms.unknownLifeMs
  const row: Custody = { ...rowOf(state, given, recipient), ...(to && { to }) }
  const { changes, effects } = prepare(state, { ...row, expires: lifeOf(row, life) }, now)
  return { recipient, changes, effects }
}

/** As it is spooled for somebody of whom nothing is known. */
const rowOf = ({ me, terms }: State, given: Submission, { envelope, address }: Recipient): Custody => {
  const { id: submission, entity: sender, messageId, body, size, at: created, deliverBy } = given
  return unsent(me, {
    id: envelope,
    submission,
    sender,
    address,
    messageId,
    body,
    size,
    created,
    expires: created + terms.unknownLifeMs,
    retryAt: null,
    delayAt: deliverBy?.mode === 'notify' ? deliverBy.at : created + terms.delayMs,
    ...(deliverBy?.mode === 'return' && { returnAt: deliverBy.at }),
  })
}

/** Until when it is tried: as long as the terms have it, and no longer than its sender wants. */
const lifeOf = ({ created, returnAt }: Custody, lifeMs: number): number =>
  Math.min(created + lifeMs, returnAt ?? Number.POSITIVE_INFINITY)

/** A spooled row is sealed once its recipient's card is known, and searched for until then. */
export const prepare = (state: State, spooled: Custody, now: number): Step => {
  if (isForHere(state, spooled)) return release(spooled, now)
  if (isGone(state, spooled))
    return finish(state, spooled, { event: 'refused', code: 'mailbox-missing', by: state.me, at: now }, now)
  if (spooled.origin !== state.me) return underNewKey(state, spooled, now)
  const was = unlessForgotten(state, spooled)
  const to = was.to ?? state.knownAt.get(was.address ?? '')
  const known = to === undefined ? undefined : state.known.get(to)
  if (to !== undefined && known !== undefined && known.expires > now) {
    // An address found late gets the life of a known one.
    const expires = lifeOf(was, state.terms.knownLifeMs)
    const permit = state.contacts.get(contactKey(was.sender ?? '', to))?.permit
    const row = { ...was, to, expires, awaits: null, retryAt: now + SEAL_GUARD_MS, ...(permit && { permit }) }
    const trust = was.sender === undefined ? [] : trustByWriting(state, was.sender, to, known.address, now)
    return {
      changes: [{ put: 'custody', row }, ...trust],
      effects: [{ do: 'seal', key: row.key }, ...askAgain(state, known, now)],
    }
  }
  if (isContested(state, was)) return tellContest(state, was, now)
  if (was.awaits?.startsWith('who:') && was.retryAt !== null && now < was.retryAt) return nothing // woken by no answer to us
  const target = targetFor(was)
  const attempts = was.attempts + 1
  const row: Custody = { ...was, awaits: `who:${target}`, retryAt: now + searchAgainMs(was.attempts), attempts }
  return {
    changes: [{ put: 'custody', row }],
    effects: [...loggedWait(was, row), { do: 'search', target, ...(attempts > 1 && { isAgain: true }) }],
  }
}

/** It was held for somebody here whose account went meanwhile: nobody else who has the address now is meant. */
const isGone = ({ removed, known }: State, { to = '' }: Custody): boolean => removed.has(to) && !known.has(to)

/** It was written before our key was stolen, and nobody has seen it: it leaves as a letter of today's. */
const underNewKey = (state: State, was: Custody, now: number): Step => {
  const { permit: _theirs, ...rest } = was
  const row: Custody = { ...rest, key: keyOf(state.me, was.id), origin: state.me, path: [state.me] }
  const { changes, effects } = prepare(state, row, now)
  return { changes: [{ drop: 'custody', key: was.key }, ...changes], effects }
}

/**
 * Their card may have been renewed (new subkeys, another agent): somebody not heard of for as long as a
 * route is good for is asked for beside the sealing. This letter does not wait for it, the next profits.
 */
const askAgain = (state: State, { entity }: Known, now: number): Effect[] =>
  waysTo(state, entity).some((way) => way.expires > now)
    ? []
    : [{ do: 'search', target: targetOfEntity(entity), isAgain: true }]

/** Without the recipient whose key was forgotten meanwhile: nothing is sealed for it yet. */
const unlessForgotten = (state: State, row: Custody): Custody => {
  const { to, ...rest } = row
  return to === undefined || state.known.has(to) ? row : rest
}

/**
 * An address nobody answered for is asked about again after half a minute, a relay may only have had no
 * token left for us; then after twice as long, up to 5 min: all five rings take about two minutes.
 */
const searchAgainMs = (attempts: number): number => Math.min(30_000 * 2 ** attempts, 5 * 60_000)

/** The payload is sealed and will be durable with this step: from here on the same bytes are handed, always. */
export const sealed = (state: State, key: string, envelope: Envelope, body: number, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.state !== 'spooled' || was.to !== envelope.to) return nothing
  const row: Custody = {
    ...was,
    state: 'waiting',
    envelope: envelope.jws,
    hash: envelope.hash,
    body,
    size: envelope.size,
    expires: envelope.expires,
    retryAt: null,
    attempts: 0,
    awaits: null,
  }
  const log = logged('sealed', row)
  if (row.isHeldBack) return { changes: [{ put: 'custody', row }], effects: [log] } // held while it was being sealed
  const onward = advance(state, row, now)
  return { ...onward, effects: [log, ...onward.effects] }
}

export const unsealable = (state: State, key: string, code: RefusalCode, now: number): Step => {
  const was = state.custody.get(key)
  if (was === undefined || was.state !== 'spooled') return nothing
  if (was.isHeldBack) return nothing // it is sealed anew once it is let go
  if (!state.known.has(was.to ?? '')) return prepare(state, { ...was, retryAt: null }, now) // its card was forgotten under our hands
  return finish(state, was, { event: 'refused', code, by: state.me, at: now }, now)
}

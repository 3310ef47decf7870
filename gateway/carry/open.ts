/**
 * A letter in: what a neighbour handed over for somebody here is opened, its sender's signature
 * verified for this recipient and this envelope, and the trace fields put above it. The bytes below
 * them are the sender's, untouched.
 */
import type { Readable } from 'node:stream'
import { domainOf } from '../../src/address.ts'
import type { Arrival } from '../../src/custody/arrival.ts'
import { holderBeside } from '../../src/custody/claimed.ts'
import { checkWritten, type Hop } from '../../src/envelope/chain.ts'
import type { Envelope } from '../../src/envelope/envelope.ts'
import type { Card } from '../../src/identity/card.ts'
import { permitOf } from '../../src/identity/permit.ts'
import { open, openStream } from '../../src/identity/seal.ts'
import { CLOCK_SKEW_MS } from '../../src/identity/statement.ts'
import { cleanArrived, HEADER_MAX } from '../../src/mail/forged.ts'
import { headerEnd } from '../../src/mail/header.ts'
import type { Parsed } from '../../src/mail/parsed.ts'
import { traceHeader } from '../../src/mail/trace.ts'
import { startWalk } from '../../src/mail/walk.ts'
import { Refusal } from '../../src/refusal.ts'
import { knownOf } from '../../src/route/known.ts'
import { contactKey } from '../../src/state.ts'
import { introducers } from '../../src/trust/introducer.ts'
import { type BodyDraft, type BodyWriter, startBody } from '../../store/spool.ts'
import { contacts } from '../../store/web.ts'
import type { Core } from '../core.ts'
import type { NewBody } from '../engine/batch.ts'
import { formsOf, isNamed } from '../spelled.ts'
import { WHOLE_BYTES } from './hand.ts'
import { pairIn } from './paired.ts'
import { openDraft, readDraft, spoolPlain } from './spool.ts'

type OpenedArrival = {
  draft: NewBody
  sender: NonNullable<Arrival['opened']>
}

/** @throws Refusal `seal-broken`, `sender-unverified`, `entity-unknown`, `message-too-large`, `envelope-expired` */
export const openArrived = async (
  core: Core,
  envelope: Envelope,
  hops: Hop[],
  payload: BodyDraft,
): Promise<OpenedArrival> => {
  const to = core.keyring.entity(envelope.to)
  if (to === undefined) throw new Refusal('entity-unknown', 'the key of this entity is not here')
  const opening = { to, net: core.net, now: openedAt(envelope, hops, core.now()), expect: { id: envelope.id } }
  const arrival = { core, envelope, hops, recipient: to.address }
  if (payload.size <= WHOLE_BYTES) {
    const { from, plaintext } = await open({ ...opening, payload: await readDraft(core.home, payload) })
    return keep(arrival, from, plaintext)
  }
  const spool = await spoolPlain(core.home)
  const sealed = openDraft(core.home, payload)
  try {
    const { from } = await openStream({ ...opening, payload: sealed, sink: spool.sink, replay: spool.read })
    return await keep(arrival, from, spool.read())
  } finally {
    sealed.destroy() // what was refused early was not read to its end
    await spool.remove()
  }
}

/**
 * By the origin's clock, where ours is behind it: a signature of this very hour would be one from the future, and the
 * letter refused for good, when it is our clock that is wrong.
 *
 * @throws Refusal `envelope-expired`
 */
const openedAt = ({ created }: Envelope, [first]: Hop[], now: number): number => {
  const written = Math.max(created, first?.at ?? 0)
  checkWritten(written, now)
  return Math.max(now, written)
}

type Arriving = { core: Core; envelope: Envelope; hops: Hop[]; recipient: string }

const keep = async (arriving: Arriving, from: Card, text: Buffer | Readable): Promise<OpenedArrival> => {
  const { core, envelope } = arriving
  checkSender(core, envelope, from)
  const { header, rest } = await splitHeader(text)
  const cleaned = cleanArrived(header, formsOf(core.engine.state.domain))
  const isAuthor = isNamed(cleaned.authors, from.address)
  const pair = Buffer.isBuffer(text) ? await pairIn(core, text, from.agentId) : undefined
  const head = await traceOf(arriving, from, isAuthor)
  const draft = await walked(startBody(core.home), Buffer.concat([head, cleaned.header]), rest)
  const messageId = draft.parsed?.messageId ?? ''
  const { entityId, address, text: card } = from
  // What is sealed by a card is dated no earlier than it: by one from the future nobody could open it before.
  const isTimely = from.at <= core.now() + CLOCK_SKEW_MS
  const permit = permitOf(core.agent, envelope.origin, envelope.to)
  return {
    draft,
    sender: {
      ...{ from: entityId, address, messageId, isAuthor, permit },
      ...(isTimely && { card: { known: knownOf(from), text: card } }),
      ...(pair && { pair }),
    },
  }
}

/**
 * The envelope's origin must be the agent that the sender's card names: otherwise whoever relayed a
 * letter once could send it again in envelopes of his own. And nobody elsewhere speaks for an address of ours.
 */
const checkSender = ({ engine }: Core, envelope: Envelope, from: Card): void => {
  if (from.agentId !== envelope.origin)
    throw new Refusal('sender-unverified', "the envelope does not come from the sender's gateway")
  const { domains, addresses } = engine.state
  if (domains.has(domainOf(from.address)) && addresses.get(from.address) !== from.entityId)
    throw new Refusal('sender-unverified', 'the sender claims an address of this very gateway')
}

type Split = { header: Buffer; rest: Iterable<Buffer> | AsyncIterable<Buffer> }

/** The header with its empty line, if it has one, and what follows. */
const splitHeader = async (text: Buffer | Readable): Promise<Split> => {
  if (Buffer.isBuffer(text)) return cutHeader(text)
  const chunks = text[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let start = Buffer.alloc(0)
  while (start.length < HEADER_MAX && headerEnd(start) === undefined) {
    const next = await chunks.next()
    if (next.done) break
    start = Buffer.concat([start, next.value])
  }
  const { header, rest } = cutHeader(start)
  const remainder = async function* () {
    yield* rest
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
  }
  return { header, rest: remainder() }
}

/** @throws Refusal `message-too-large`: what is not searched is not let in */
const cutHeader = (start: Buffer): { header: Buffer; rest: Buffer[] } => {
  const end = headerEnd(start.subarray(0, HEADER_MAX))
  if (end === undefined && start.length >= HEADER_MAX)
    throw new Refusal('message-too-large', `the header is larger than ${HEADER_MAX >> 10} KiB`)
  const cut = end ?? start.length
  return { header: start.subarray(0, cut), rest: [start.subarray(cut)] }
}

/** Writes head and text into one body, and walks over it in the same pass, unless it is `known` what that would find. */
export const walked = async (
  writer: BodyWriter,
  head: Buffer,
  text: Iterable<Buffer> | AsyncIterable<Buffer>,
  known?: Parsed,
): Promise<NewBody & { parsed: Parsed }> => {
  const walk = startWalk()
  const take = (chunk: Buffer): Promise<void> => {
    if (!known) walk.push(chunk)
    return writer.write(chunk)
  }
  try {
    await take(head)
    for await (const chunk of text) await take(chunk)
    return { body: await writer.finish(), parsed: known ?? walk.end() }
  } catch (error) {
    await writer.abort()
    throw error
  }
}

const traceOf = async (arriving: Arriving, from: Card, isAuthor: boolean): Promise<Buffer> => {
  const { core, envelope, hops, recipient } = arriving
  const key = contactKey(envelope.to, from.entityId)
  const contact = core.engine.state.contacts.get(key) ?? (await contacts.load(core.store.db, [key]))[0]
  const isClaimed = holderBeside(core.engine.state, { from: from.entityId, address: from.address }) !== undefined
  const stranger = isClaimed ? 'changed' : 'new'
  const known = contact?.trust === 'explicit' ? 'verified' : contact?.trust === 'implicit' ? 'contact' : stranger
  const agents = hops.map(({ agent }) => agent)
  const whose = introducers(core.engine.state, from.address, agents)
  return traceHeader({
    returnPath: from.address,
    by: core.engine.state.domain,
    at: core.now(),
    envelope: envelope.id,
    recipient,
    sender: from.address,
    findings: { sealed: true, signed: true, entity: from.entityId, known, isAuthor },
    path: hops.map((hop, i) => ({ ...hop, who: whose[i] ?? '' })),
  })
}

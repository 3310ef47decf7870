/**
 * A letter in: what a neighbour handed over for somebody here is opened, its sender's signature
 * verified for this recipient and this envelope, and the trace fields put above it. The bytes below
 * them are the sender's, untouched.
 */
import type { Hop } from '../src/envelope/chain.ts'
import type { Envelope } from '../src/envelope/envelope.ts'
import type { Card } from '../src/identity/card.ts'
import { open, openStream } from '../src/identity/seal.ts'
import { traceHeader } from '../src/mail/trace.ts'
import { startWalk } from '../src/mail/walk.ts'
import { Refusal } from '../src/refusal.ts'
import { contactKey } from '../src/state.ts'
import { type BodyDraft, type BodyWriter, startBody } from '../store/blob.ts'
import { contacts } from '../store/web.ts'
import type { Core } from './core.ts'
import type { Draft } from './engine.ts'
import { WHOLE_BYTES } from './hand.ts'
import { openDraft, spoolPlain } from './spool.ts'

export type OpenedArrival = { draft: Draft; sender: { from: string; address: string; messageId: string } }

/** @throws Refusal `seal-broken`, `sender-unverified`, `entity-unknown` */
export const openArrived = async (
  core: Core,
  envelope: Envelope,
  hops: Hop[],
  payload: BodyDraft,
): Promise<OpenedArrival> => {
  const to = core.keyring.entity(envelope.to)
  if (to === undefined) throw new Refusal('entity-unknown', 'the key of this entity is not here')
  const opening = { to, net: core.net, now: core.now(), expect: { id: envelope.id } }
  const head = (from: Card) => traceOf(core, envelope, hops, from, to.address)
  if (payload.size <= WHOLE_BYTES) {
    const { from, plaintext } = await open({ ...opening, payload: await wholeOf(core, payload) })
    return kept(core, from, await head(from), [plaintext])
  }
  const spool = await spoolPlain(core.home)
  try {
    const { from } = await openStream({
      ...opening,
      payload: openDraft(core.home, payload),
      sink: spool.sink,
      replay: spool.read,
    })
    return await kept(core, from, await head(from), spool.read())
  } finally {
    await spool.remove()
  }
}

const wholeOf = async (core: Core, payload: BodyDraft): Promise<Buffer> => {
  if ('bytes' in payload) return payload.bytes
  const chunks: Buffer[] = []
  for await (const chunk of openDraft(core.home, payload)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const kept = async (
  core: Core,
  from: Card,
  head: Buffer,
  plaintext: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<OpenedArrival> => {
  const draft = await walked(startBody(core.home), head, plaintext)
  const messageId = draft.parsed?.messageId ?? ''
  return { draft, sender: { from: from.entityId, address: from.address, messageId } }
}

/** Writes head and text into one body, and walks over it in the same pass. */
export const walked = async (
  writer: BodyWriter,
  head: Buffer,
  text: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<Draft & { parsed: NonNullable<Draft['parsed']> }> => {
  const walk = startWalk()
  const take = async (chunk: Buffer) => {
    walk.push(chunk)
    await writer.write(chunk)
  }
  try {
    await take(head)
    for await (const chunk of text) await take(chunk)
    return { body: await writer.finish(), parsed: walk.end() }
  } catch (error) {
    await writer.abort()
    throw error
  }
}

const traceOf = async (core: Core, envelope: Envelope, hops: Hop[], from: Card, recipient: string): Promise<Buffer> => {
  const [contact] = await contacts.load(core.store.db, [contactKey(envelope.to, from.entityId)])
  const known = contact?.trust === 'explicit' ? 'verified' : contact?.trust === 'implicit' ? 'contact' : 'new'
  return traceHeader({
    returnPath: from.address,
    by: core.engine.state.domain,
    at: core.now(),
    envelope: envelope.id,
    recipient,
    sender: from.address,
    findings: { sealed: true, signed: true, entity: from.entityId, known },
    path: hops,
  })
}

/**
 * How two gateways become neighbours by invitation: one code, one use, one expiry.
 *
 *   inviter: invite ──code──> (by mail, paper, telephone) ──> accept: dials, shows the token
 *   inviter: takes it, keeps the link ──answer──> accepter keeps the link, both connect
 *
 * The link is TLS with the agent key that stands in the code, so the token can't be overheard or
 * relayed. A crash between the two keepings is mended by accepting again: the same agent may show a
 * used token once more until it expires, nobody else may. Parting with a neighbour forgets what it
 * used, so no old code brings it back.
 *
 * Taking, accepting and parting come one after the other: what one judges by, no other changes meanwhile.
 */
import { randomBytes } from 'node:crypto'
import { unlessRefused } from '../../src/effect.ts'
import { decodeInvitation, encodeInvitation, TOKEN_BYTES, tokenHash } from '../../src/link/invitation.ts'
import { isLinked } from '../../src/link/standing.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Link } from '../../src/state.ts'
import { type Invited, type PairAnswer, pairAnswer } from '../../src/wire/pair.ts'
import { hashId } from '../../src/wire/shape.ts'
import { type Invitation, invitations } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { nameOfAgent } from '../fingerprint.ts'
import { LinkFault } from '../link/handlers.ts'

export type Pairing = {
  /** @param addresses host:port under which we can be dialled; by default those the configuration announces */
  invite(
    lifeMs: number,
    addresses?: string[],
    guest?: string,
  ): Promise<{ id: string; code: string; expires: number; announced: string[] }>
  /** Those that can still be used, or were lately; the newest first. */
  invitations(): Promise<(Invitation & { id: string })[]>
  /** Takes one back, by its id or its code. @throws Refusal `invitation-unknown`, `invitation-used` */
  uninvite(text: string): Promise<Invitation & { id: string }>
  /** @throws Refusal `invitation-*`, or with the last address's failure */
  accept(code: string): Promise<Link>
  /** A stranger on the link port shows a token. */
  take(from: string, request: Invited): Promise<PairAnswer & { v: 1 }>
  /** Whether anybody may knock at present: an invitation has not led to a link yet. */
  isOpen(now: number): boolean
  /** Parts with a neighbour: nothing is taken from or handed to it from now on. */
  part(agent: string): Promise<void>
}

export const openPairing = async (core: Core): Promise<Pairing> => {
  const { self } = core
  const { db } = core.store
  const { state } = core.engine
  // Kept beside the table, so that a knock costs no read. One counts whose taker a crash left without the link.
  const open = new Map(
    (await invitations.all(db))
      .filter(({ used }) => used === undefined || !isLinked(state.links.get(used.by)))
      .map(({ hash, expires }) => [hash, expires]),
  )
  const me = () => ({ v: 1 as const, name: self.name, addresses: self.addresses() })

  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work)
    last = done.catch(() => undefined)
    return done
  }

  const invite: Pairing['invite'] = async (lifeMs, addresses = self.addresses(), guest) => {
    const token = randomBytes(TOKEN_BYTES)
    const made = core.now()
    const expires = made + lifeMs
    const hash = tokenHash(token)
    await db.transaction((tx) => invitations.save(tx, [{ hash, made, expires, ...(guest && { guest }) }]))
    open.set(hash, expires)
    return {
      id: idOf(hash),
      code: encodeInvitation({ agentId: core.agent.id, addresses, token, expires }),
      expires,
      announced: addresses,
    }
  }

  const all: Pairing['invitations'] = async () =>
    (await invitations.all(db)).sort((a, b) => b.made - a.made).map((one) => ({ ...one, id: idOf(one.hash) }))

  const uninvite: Pairing['uninvite'] = (text) =>
    inTurn(async () => {
      const hash = text.length > ID_CHARS ? tokenHash(decodeInvitation(text).token) : text
      const one = (await all()).find((invitation) => invitation.hash === hash || invitation.id === hash)
      if (one === undefined)
        throw new Refusal('invitation-unknown', 'no such invitation; `vouchsafe link invitations` shows them')
      if (one.used !== undefined)
        throw new Refusal(
          'invitation-used',
          'it has been used: the neighbour stays until you part with it by `vouchsafe link revoke`',
        )
      await db.transaction((tx) => invitations.drop(tx, [one.hash]))
      open.delete(one.hash)
      return one
    })

  const take: Pairing['take'] = async (from, { token, name, addresses }) => {
    const hash = tokenHash(Buffer.from(token, 'base64url'))
    return inTurn(async () => {
      const at = core.now()
      const isRepeat = await db.transaction(async (tx) => {
        const [kept] = await invitations.load(tx, [hash])
        await invitations.save(tx, [{ ...usable(kept, from, at), used: { by: from, at } }])
        return kept?.used !== undefined && isLinked(state.links.get(from))
      })
      // A neighbour that was suspended meanwhile, or frozen, is not so by showing again what it came by.
      if (!isRepeat) {
        await become(core, { agent: from, name, addresses }, token)
        setTimeout(() => core.link.refresh(), THEIR_TURN_MS).unref()
      }
      open.delete(hash)
      return { ...me(), t: 'LINKED' }
    })
  }

  const accept: Pairing['accept'] = async (code) => {
    const { agentId, addresses, token, expires } = decodeInvitation(code)
    if (agentId === core.agent.id)
      throw new Refusal(
        'invitation-unknown',
        'this is an invitation by this very gateway: give the code to the other side',
      )
    if (expires <= core.now()) throw new Refusal('invitation-expired', 'this invitation has expired; ask for a new one')
    if (addresses.length === 0)
      throw new Refusal(
        'invitation-unknown',
        'the inviter can not be dialled from outside; let them accept an invitation of yours instead',
      )
    const request = { ...me(), t: 'INVITED', token: token.toString('base64url') }
    const { answer, address } = await dialAny(core, addresses, agentId, request)
    const theirs = pairAnswer(answer)
    const link = { agent: agentId, name: theirs.name, addresses: addressesMet(theirs.addresses, address) }
    return inTurn(async () => {
      const made = await become(core, link, request.token)
      core.link.refresh()
      return made
    })
  }

  const part: Pairing['part'] = (agent) =>
    inTurn(async () => {
      await db.transaction(async (tx) => {
        const shown = (await invitations.all(tx)).filter(({ used }) => used?.by === agent)
        await invitations.drop(
          tx,
          shown.map(({ hash }) => hash),
        )
      })
      await core.engine.handle({ on: 'unlinked', agent })
      core.link.refresh()
    })

  const isOpen: Pairing['isOpen'] = (now) => {
    for (const [hash, expires] of open) if (expires <= now) open.delete(hash)
    return open.size > 0
  }
  return { invite, invitations: all, uninvite, accept, take, isOpen, part }
}

/** The guest dials first: until our answer is there it does not know us, and would refuse a dial of ours. */
const THEIR_TURN_MS = 2_000

/** Enough of the hash to tell invitations apart; it says nothing about the token. */
const ID_CHARS = 8
const idOf = (hash: string): string => hash.slice(0, ID_CHARS)

/** @returns the invitation, if this agent may use it @throws Refusal `invitation-*` */
const usable = (kept: Invitation | undefined, by: string, now: number): Invitation => {
  if (kept === undefined)
    throw new Refusal(
      'invitation-unknown',
      'the inviter has taken this invitation back, or knows it no more; ask for a new one',
    )
  if (kept.used !== undefined && kept.used.by !== by)
    throw new Refusal('invitation-used', 'this invitation was used by somebody else; ask for a new one')
  if (kept.expires <= now) throw new Refusal('invitation-expired', 'this invitation has expired; ask for a new one')
  return kept
}

/** What a gateway says of itself may be wrong where we are; where it answered us is not. */
export const addressesMet = (said: string[], address: string): string[] => [...new Set([...said, address])]

/** What to ask the inviter for, after the address. */
const advice = ({ why }: LinkFault): string =>
  why === 'ENOTFOUND' || why === 'EAI_AGAIN'
    ? 'is not found in the DNS: ask the inviter for another invitation, made there: `vouchsafe link invite --address HOST:PORT`, with an address that is'
    : 'does not answer: ask the inviter whether their gateway runs and its link port is open'

/** @returns what was answered, and at which address */
const dialAny = async (
  core: Core,
  addresses: string[],
  agentId: string,
  request: unknown,
): Promise<{ answer: unknown; address: string }> => {
  let last: unknown
  for (const address of addresses) {
    try {
      return { answer: (await core.link.pair(address, agentId, request)).answer, address }
    } catch (error) {
      if (!(error instanceof LinkFault)) throw error
      last = new LinkFault(error.code, `${address} ${advice(error)} (${error.message})`, error.why)
    }
  }
  throw last
}

/**
 * A revoked neighbour who is invited again is a neighbour again: a person wanted it. A frozen link thaws.
 *
 * @param token that both know, base64url: their first connection is proved by it
 */
const become = async (
  core: Core,
  { agent, name, addresses }: Pick<Link, 'agent' | 'name' | 'addresses'>,
  token?: string,
): Promise<Link> => {
  hashId(agent, 'agent')
  const link: Link = {
    agent,
    name: name || nameOfAgent(agent),
    addresses,
    state: 'active',
    since: core.now(),
    up: core.link.isUp(agent),
  }
  await core.ratchets.pair(agent, token)
  unlessRefused(await core.engine.handle({ on: 'linked', link }))
  return link
}

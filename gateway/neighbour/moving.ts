/**
 * After the key of an agent was stolen: ours, of which the neighbours are told until they have heard, or a neighbour's,
 * whose link goes over to the new key (src/link/moved.ts). Nothing is believed but the word of the operator known since
 * the pairing, so a thief can't move a link; nor can he keep us from being heard: whoever dials where the old agent was
 * and meets another key asks it.
 */
import { signRecord, verifyRecord } from '../../src/identity/record.ts'
import { readRekey } from '../../src/identity/rekey.ts'
import { CLOCK_SKEW_MS, readStatement } from '../../src/identity/statement.ts'
import { begunAnew, freshRatchet } from '../../src/link/ratchet.ts'
import { isLinked } from '../../src/link/standing.ts'
import { addressesOf } from '../../src/reach/announce.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Link } from '../../src/state.ts'
import { type Moved, movedRequest } from '../../src/wire/moved.ts'
import { revokedRecord } from '../../src/wire/record.ts'
import { namesIn } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { nameOfAgent } from '../fingerprint.ts'
import { drawIncarnation } from './ratchets.ts'

export type Moving = {
  /** Somebody on the link port, neighbour or not. @returns MOVED, or that it is done */
  answer(from: string, request: unknown): Promise<object>
  /** Neighbours who have not heard yet are told. */
  tell(): Promise<void>
  /** Somebody with another key is where a neighbour was. */
  askAt(agent: string, address: string): Promise<void>
}

export const openMoving = (core: Core): Moving => {
  const { db } = core.store
  const { state } = core.engine

  /** @returns undefined once the neighbour has connected: it knows */
  const ourMove = async (to: string): Promise<(Moved & { v: 1 }) | undefined> => {
    const ratchet = await core.ratchets.load(to)
    if (ratchet.rekey?.reason !== 'compromise') return undefined
    const { rekey } = await core.ratchets.resume(ratchet)
    const revoked = state.revoked.get(ratchet.rekey.was)?.jws
    if (rekey === undefined) return undefined
    const { name, addresses } = core.self
    return { v: 1, t: 'MOVED', name: name.slice(0, 80), addresses: addresses(), rekey, ...(revoked && { revoked }) }
  }

  const tellOne = async (link: Link): Promise<void> => {
    const request = await ourMove(link.agent)
    if (request === undefined || core.link.isUp(link.agent)) return
    for (const address of addressesOf(state, link.agent, core.now()))
      try {
        await core.link.moved(address, link.agent, request)
        core.log.info({ area: 'link', event: 'move-heard', agent: link.agent }, 'a neighbour knows our new key')
        return core.link.refresh(link.agent)
      } catch (error) {
        core.log.info(
          { area: 'link', event: 'move-unheard', agent: link.agent, address, why: String(error) },
          'told again',
        )
      }
  }

  /** One after the other: both may bring it to us at once, the neighbour and our own question. */
  let last: Promise<unknown> = Promise.resolve()
  const take = (from: string, said: Moved): Promise<object> => {
    const done = last.then(() => takeNow(from, said))
    last = done.catch(() => undefined)
    return done
  }

  const takeNow = async (from: string, said: Moved): Promise<object> => {
    const now = core.now()
    const was = String(peek(said.rekey))
    const link = state.links.get(was)
    if (!isLinked(link)) {
      if (state.links.get(from)?.formerly?.includes(was)) return { v: 1, ok: true } // a repeat
      throw new Refusal('link-unknown', 'this gateway has no link with whom you were')
    }
    if (link.owner === undefined) throw new Refusal('rekey-invalid', 'nobody is known here to operate it: pair again')
    const rekey = await readRekey(said.rekey, link.owner.key, core.net, now)
    if (rekey.reason !== 'compromise' || rekey.was !== was || rekey.agentId !== from)
      throw new Refusal('rekey-invalid', 'it is for another agent')
    if (rekey.epoch <= (link.rekeyed ?? 0)) throw new Refusal('rekey-invalid', 'a later REKEY has been taken')
    if (rekey.epoch > now + CLOCK_SKEW_MS) throw new Refusal('rekey-invalid', 'it was made in the future')
    const jws = said.revoked && (await readRevoked(core, said.revoked)).agent === was ? said.revoked : undefined
    await core.engine.handle({
      on: 'revoked',
      from: undefined,
      word: { agent: was, at: rekey.epoch, ...(jws && { jws }) },
    })
    const fresh = { ...freshRatchet(from, drawIncarnation()), theirs: rekey.incarnation, epoch: rekey.epoch }
    if (!state.links.has(from)) await core.ratchets.save(fresh)
    const { name, addresses } = said
    const { custody, owed } = await namesIn(db, was)
    const move = { was, agent: from, epoch: rekey.epoch, name: name || nameOfAgent(from), addresses, custody, owed }
    await core.engine.handle({ on: 'moved', move })
    core.link.refresh()
    return { v: 1, ok: true }
  }

  return {
    async answer(from, value) {
      const request = movedRequest(value)
      if (request.t === 'MOVED') return take(from, request)
      const move = core.keyring.former.some(({ id }) => id === request.was) ? await ourMove(from) : undefined
      if (move === undefined) throw new Refusal('link-unknown', 'this gateway was not whom you ask for')
      return move
    },
    async tell() {
      if (core.keyring.former.length === 0) return
      await Promise.all([...state.links.values()].filter(isLinked).map(tellOne))
    },
    async askAt(agent, address) {
      const { agent: whose, answer } = await core.link.moved(address, undefined, { v: 1, t: 'FORMER', was: agent })
      const move = movedRequest(answer)
      if (move.t === 'MOVED') await take(whose, move)
    },
  }
}

/**
 * At the first start with a new key: every neighbour is owed a REKEY, and the old key's last word is made. The word is
 * kept last, so whatever a crash left is done again.
 */
export const beginAsAnother = async (core: Core): Promise<void> => {
  const { state } = core.engine
  for (const old of core.keyring.former) {
    if (state.revoked.has(old.id)) continue
    const at = core.now()
    for (const { agent } of [...state.links.values()].filter(isLinked)) {
      const kept = await core.ratchets.load(agent)
      const rekey = { epoch: at, reason: 'compromise' as const, was: old.id }
      await core.ratchets.save({ ...begunAnew(kept, drawIncarnation()), rekey })
      await core.engine.handle({ on: 'thawed', agent })
    }
    const jws = await signRecord(old, core.net, 'REVOKED', { at })
    await core.engine.handle({ on: 'revoked', from: undefined, word: { agent: old.id, at, jws } })
  }
}

/** @throws Refusal */
export const readRevoked = async ({ net }: Pick<Core, 'net'>, jws: string): Promise<{ agent: string; at: number }> => {
  const { by, body } = await verifyRecord(jws, net, 'REVOKED')
  return { agent: by, at: revokedRecord(body, 'REVOKED').at }
}

const peek = (rekey: string): unknown => {
  try {
    return readStatement(rekey).was
  } catch {
    throw new Refusal('rekey-invalid', 'it is no statement')
  }
}

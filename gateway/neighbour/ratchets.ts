/**
 * The ratchets of LINK1 as the gateway keeps them, whose word ours and theirs is, and who hears of what
 * a handshake found. What they are: src/link/ratchet.ts; how they move on: src/link/link1.ts.
 *
 * The operator of an agent is the entity of postmaster@ or, without such an account, of the first account. Each side
 * shows its operator's card at every connection; the first one seen is believed, and only it may REKEY.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readCard } from '../../src/identity/card.ts'
import type { Entity } from '../../src/identity/entity.ts'
import { makeRekey, type Rekey, readRekey } from '../../src/identity/rekey.ts'
import { CLOCK_SKEW_MS } from '../../src/identity/statement.ts'
import { begunAnew, freshRatchet, pairedAgain, type Ratchet } from '../../src/link/ratchet.ts'
import { isLinked } from '../../src/link/standing.ts'
import { Refusal } from '../../src/refusal.ts'
import { ownerOf } from '../../src/state.ts'
import { ratchets } from '../../store/web.ts'
import { ownCard } from '../carry/card.ts'
import type { Core } from '../core.ts'
import { type RatchetBook, type Resume, takeTurns } from '../link/ratchets.ts'
import { OperationError } from '../operation/error.ts'
import { version } from '../version.ts'

const WAY_OUT = 'Make one, by `vouchsafe user add`, or pair again, by `vouchsafe link invite`.'

type Shared = Pick<Core, 'agent' | 'net' | 'self' | 'keyring' | 'store' | 'engine' | 'log' | 'now'>

/** @param times connection times kept with each neighbour */
export const keepRatchets = (core: Shared, times: number): RatchetBook => {
  const { db } = core.store
  const { engine } = core
  const turns = takeTurns()
  const load = async (agent: string): Promise<Ratchet> =>
    (await ratchets.load(db, [agent]))[0] ?? freshRatchet(agent, drawIncarnation())
  const save = (ratchet: Ratchet) => db.transaction((tx) => ratchets.save(tx, [ratchet]))
  /** What a person wants breaks off whatever handshake is under way. */
  const change = (agent: string, to: (was: Ratchet) => Ratchet) =>
    turns.inTurn(agent, turns.begin(agent), async () => save(to(await load(agent))))

  const operator = (): Entity | undefined => core.keyring.entity(ownerOf(engine.state)?.entity ?? '')

  const signer = (): Entity => {
    const entity = operator()
    if (entity !== undefined) return entity
    throw new OperationError(`A REKEY is signed by an account here, and there is none. ${WAY_OUT}`)
  }

  const resume = async ({ incarnation, rekey }: Ratchet): Promise<Resume> => {
    const entity = operator()
    const said = { name: core.self.name.slice(0, 80), software: `vouchsafe ${version}`, incarnation }
    // Without the word of an operator the neighbour would see a copy of this gateway, and freeze the link.
    if (entity === undefined && rekey)
      throw new Refusal('link-unproven', `what they shared is lost, and no account here can sign that. ${WAY_OUT}`)
    if (entity === undefined) return said
    const body: Rekey | undefined = rekey && { agentId: core.agent.id, incarnation, ...rekey }
    return {
      ...said,
      owner: await ownCard(core, entity),
      ...(body && { rekey: await makeRekey(entity, core.net, body, core.now()) }),
    }
  }

  const readTheirs = async (agent: string, text: string): Promise<Rekey> => {
    const now = core.now()
    const owner = engine.state.links.get(agent)?.owner
    try {
      if (owner === undefined) throw new Refusal('rekey-invalid', 'nobody is known here to operate it')
      const rekey = await readRekey(text, owner.key, core.net, now)
      if (rekey.agentId !== agent) throw new Refusal('rekey-invalid', 'it is for another agent')
      if (rekey.epoch > now + CLOCK_SKEW_MS) throw new Refusal('rekey-invalid', 'it was made in the future')
      return rekey
    } catch (error) {
      const detail = error instanceof Refusal ? error.detail : 'it can not be read'
      await engine.handle({ on: 'alarm', agent, alarm: { what: 'rekey-refused', detail } })
      throw error
    }
  }

  const rekeyed: RatchetBook['rekeyed'] = async (ratchet, text) => {
    const { agent } = ratchet
    const { epoch, incarnation, reason } = await readTheirs(agent, text)
    if (epoch < ratchet.epoch) throw new Refusal('rekey-invalid', 'a later REKEY has been taken')
    const isNew = epoch > ratchet.epoch
    const made = isNew ? { ...begunAnew(ratchet, drawIncarnation()), theirs: incarnation, epoch } : ratchet
    if (isNew) await save(made)
    await engine.handle({ on: 'alarm', agent, alarm: { what: 'rekeyed', epoch, reason } })
    return made
  }

  const seeOwner = async (agent: string, text: string): Promise<void> => {
    const card = createHash('sha256').update(text).digest('hex')
    if (engine.state.links.get(agent)?.owner?.card === card) return
    const { entityId, agentId, address, publicKey } = await readCard(text, core.net, core.now())
    if (agentId !== agent) throw new Refusal('card-invalid', 'it names another agent')
    const key = Buffer.from(publicKey.write()).toString('base64')
    await engine.handle({ on: 'owner', agent, owner: { entity: entityId, address, key, card } })
  }

  return {
    ...turns,
    times,
    load,
    save,
    resume,
    rekeyed,
    met(agent, owner) {
      if (owner === undefined) return
      seeOwner(agent, owner).catch((error) =>
        core.log.warn({ area: 'link', event: 'owner-unseen', agent, why: String(error) }, 'its operator was not read'),
      )
    },
    alarm: async (agent, alarm) => void (await engine.handle({ on: 'alarm', agent, alarm })),
    frozen: (agent) => engine.state.links.get(agent)?.frozen?.why,
    operator: signer,
    pair: (agent, token) => change(agent, (was) => pairedAgain(was, freshRatchet(agent, was.incarnation, token))),
    async rekey(agent) {
      signer()
      const epoch = core.now()
      await change(agent, (was) => ({ ...begunAnew(was, drawIncarnation()), rekey: { epoch, reason: 'restore' } }))
      await engine.handle({ on: 'thawed', agent })
    },
  }
}

export const drawIncarnation = (): string => randomBytes(8).toString('hex')

/**
 * A pairing that nobody noted, since a crash or a fault came between, or a command approved it while no gateway ran: the
 * link is younger than what is shared. To be done before anybody connects.
 */
export const notePairings = async ({ engine, ratchets }: Pick<Core, 'engine' | 'ratchets'>): Promise<void> => {
  for (const link of [...engine.state.links.values()].filter(isLinked)) {
    const { at, initial } = await ratchets.load(link.agent)
    if (initial === undefined && at < link.since) await ratchets.pair(link.agent)
  }
}

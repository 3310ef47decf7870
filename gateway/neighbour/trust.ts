/**
 * What operations ask of the web of trust (`Web` in gateway/house.ts), answered by the engine and the store.
 */
import { isId, targetOfAddress, targetOfEntity } from '../../src/address.ts'
import type { Custody } from '../../src/custody/custody.ts'
import { unlessRefused } from '../../src/effect.ts'
import { admitLocal, type Contact, contactKey, removeLocal } from '../../src/state.ts'
import { contacts, custody, unfinishedCustody } from '../../store/web.ts'
import type { Searches } from '../carry/searches.ts'
import type { Core } from '../core.ts'
import { custodyOf } from '../engine/batch.ts'
import { QUEUE_SHOWN, type Web } from '../house.ts'

/** Of one account, in one list: more than any person has, and still an answer of some megabytes. */
const CONTACTS_MAX = 20_000

export const trustWeb = (core: Core, searches: Searches): Web => ({
  links: () => [...core.engine.state.links.values()].sort((a, b) => a.since - b.since),
  whyNot: (agent) => core.link.whyNot(agent),
  credit: (agent) => core.engine.state.credits.get(agent),
  weights: () => core.engine.state.weights,
  vouch: (agent) => done(core.engine.handle({ on: 'vouched', agent })),
  overrule: async (agent) => {
    unlessRefused(await core.engine.handle({ on: 'overruled', agent }))
    return core.engine.state.links.get(agent)
  },
  limit: (agent, limit) => done(core.engine.handle({ on: 'limited', agent, limit })),

  reach: (agent) => core.engine.state.reaches.get(agent),
  rekey: async (agent) => {
    await core.ratchets.rekey(agent)
    core.link.refresh(agent) // a frozen link was dialled ever more seldom
  },
  operator: core.ratchets.operator,

  admit: (local) => admitLocal(core.engine.state, local),
  dismiss: (entity) => removeLocal(core.engine.state, entity),

  contacts: (entity) => contacts.by(core.store.db, 'entity', [entity], CONTACTS_MAX),
  rival: (entity) => core.engine.state.known.get(entity)?.rival,
  saveContact: async (contact) => {
    await core.engine.handle({ on: 'trusted', contact })
    return contactOf(core, contact)
  },
  sortContact: async (sorting) => {
    unlessRefused(await core.engine.handle({ on: 'sorted', sorting }))
    return contactOf(core, sorting)
  },
  find: async (who) => {
    const { state } = core.engine
    const known = () => state.known.get(isId(who) ? who : (state.knownAt.get(who) ?? ''))
    if (known() === undefined) await searches.find(isId(who) ? targetOfEntity(who) : targetOfAddress(who))
    return known()
  },
  forget: async (address) => void unlessRefused(await core.engine.handle({ on: 'forgotten', address })),

  repute: (entity) => core.engine.state.repute.get(entity),
  allow: (entity) => done(core.engine.handle({ on: 'allowed', entity })),

  queue: async () => {
    const { db } = core.store
    return oldestFirst(await custody.load(db, await unfinishedCustody(db, QUEUE_SHOWN)))
  },
  lookUp: async (text) => {
    const { db } = core.store
    const found = await Promise.all([
      custody.load(db, [text]),
      custody.by(db, 'envelope_id', [text.toLowerCase()]),
      custody.by(db, 'submission', [text.toLowerCase()]),
      custody.by(db, 'message_id', [text, `<${text}>`]),
    ])
    return oldestFirst([...new Map(found.flat().map((row) => [row.key, row])).values()])
  },
  retry: async (key) => {
    unlessRefused(await core.engine.handle({ on: 'retry', key }))
    return custodyOf(core, key)
  },
  hold: async (key) => {
    await done(core.engine.handle({ on: 'held-back', key }))
    return custodyOf(core, key)
  },
  letGo: (key) => done(core.engine.handle({ on: 'let-go', key })),
  giveUp: (key) => done(core.engine.handle({ on: 'given-up', key })),
})

const contactOf = async ({ store }: Core, { entity, other }: Pick<Contact, 'entity' | 'other'>): Promise<Contact> => {
  const [contact] = await contacts.load(store.db, [contactKey(entity, other)])
  if (contact === undefined) throw new Error('a contact was kept a moment ago')
  return contact
}

const oldestFirst = (rows: Custody[]): Custody[] => rows.sort((a, b) => a.created - b.created)
const done = async (work: Promise<unknown>): Promise<void> => void (await work)

/**
 * What follows from a gesture once its grace is over: a judgement is sent, or trust is taken back.
 * Each may be done twice after a crash; the second time is harmless.
 *
 * Of mail that came by the web the judgement decides (gateway/carry/judge.ts): whether it is a complaint, or
 * the sender was known. Mail that never left this gateway is settled here: its origin is this one.
 */
import { done, due, type Gesture, type Stage } from '../../src/complaint/gesture.ts'
import type { Opinion } from '../../src/complaint/verdict.ts'
import { distrustTold } from '../../src/complaint/words.ts'
import { isUnjudged } from '../../src/custody/custody.ts'
import type { Answer } from '../../src/effect.ts'
import { type Contact, contactKey } from '../../src/state.ts'
import { byId as accountById } from '../../store/account.ts'
import { gestures } from '../../store/gesture.ts'
import { complaints, contacts, custody } from '../../store/web.ts'
import { judge } from '../carry/judge.ts'
import type { Core } from '../core.ts'

export type Judging = {
  judge(judgement: { key: string; verdict: Opinion }): Promise<Answer>
  /** Those of the messages that anybody waits to have judged: few, where most mail is among people who know each other. */
  unjudged(keys: readonly string[]): Promise<string[]>
  /** What the judgement came to: one that was taken back does not count again, and one of a sender who was known is none. */
  became(key: string): Promise<'complaint' | 'withdrawn' | 'distrust'>
}

/** Of mail that came by the web. */
export const judgingBy = (core: Core): Judging => ({
  judge: (judgement) => judge(core, judgement),
  unjudged: async (keys) => (await custody.load(core.store.db, keys)).filter(isUnjudged).map(({ key }) => key),
  became: async (key) => {
    const [kept] = await complaints.load(core.store.db, [key])
    if (kept === undefined) return 'distrust'
    return kept.withdrawnAt === undefined ? 'complaint' : 'withdrawn'
  },
})

/** @returns the row as it was saved then */
export type DoDeed = (row: Gesture) => Promise<Gesture | 'forget'>

type Has = Pick<Core, 'store' | 'engine' | 'log' | 'now'>

export const openDeeds = (core: Has, { judge, became }: Judging): DoDeed => {
  const { db } = core.store

  const save = async (row: Gesture): Promise<Gesture> => {
    await db.transaction((tx) => gestures.save(tx, [row]))
    return row
  }
  const end = async (row: Gesture, stage: Stage, more: Pick<Gesture, 'took' | 'code'> = {}): Promise<Gesture> => {
    const { provenance, reason } = row
    core.log.info({ area: 'complaint', event: `complaint-${stage}`, key: provenance.key, reason, ...more }, stage)
    return save(done(row, stage, core.now(), more))
  }
  const trust = (contact: Contact, trust: Contact['trust']) =>
    core.engine.handle({ on: 'trusted', contact: { ...contact, trust, at: core.now() } })

  const contactOf = async ({ account, provenance }: Gesture): Promise<Contact | undefined> => {
    const entity = (await accountById(db, account))?.entityId ?? ''
    return (await contacts.load(db, [contactKey(entity, provenance.from)]))[0]
  }

  const tellDistrust = async ({ account, provenance }: Gesture): Promise<void> => {
    const address = (await accountById(db, account))?.address
    if (address === undefined) return
    const id = `distrust.${provenance.key.replace('/', '.')}`
    const letter = { to: { account, address }, id, ...distrustTold(provenance.address) }
    await core.engine.handle({ on: 'answer', letter })
  }

  const complain = async (row: Gesture): Promise<Gesture> => {
    const { account, provenance, reason } = row
    const { key, from } = provenance
    if (isLocal(row)) {
      const by = (await accountById(db, account))?.entityId ?? ''
      await core.engine.handle({ on: 'reproached', entity: from, reproach: { key, by, reason, at: core.now() } })
      return end(row, 'made')
    }
    const answer = await judge({ key, verdict: reason })
    if (answer.say === 'refused') return end(row, 'refused', { code: answer.code })
    switch (await became(key)) {
      case 'complaint':
        return end(row, 'made')
      case 'withdrawn':
        return end(row, 'refused', { code: 'complaint-late' })
      case 'distrust':
        await tellDistrust(row)
        return end(row, 'distrusted')
    }
  }

  /** Between people of this gateway. Said before it is done: a trust that is gone is no reason to complain after a crash. */
  const distrust = async (row: Gesture, contact: Contact | undefined): Promise<Gesture> => {
    const isTrusted = contact !== undefined && contact.trust !== 'none'
    const was = isTrusted
      ? await save({ ...row, stage: 'distrusting', took: contact.trust as 'explicit' | 'implicit' })
      : row
    if (isTrusted) await trust(contact, 'none')
    await tellDistrust(was)
    return end(was, 'distrusted')
  }

  const withdraw = async (row: Gesture, contact: Contact | undefined): Promise<Gesture> => {
    const { provenance, took } = row
    const { key, from } = provenance
    if (!isLocal(row)) {
      const answer = await judge({ key, verdict: 'not-spam' })
      return answer.say === 'refused' ? end(row, 'refused', { code: answer.code }) : end(row, 'undone')
    }
    const by = contact?.entity ?? (await accountById(db, row.account))?.entityId ?? ''
    if (took === undefined) await core.engine.handle({ on: 'pardoned', entity: from, key, by })
    else if (contact?.trust === 'none') await trust(contact, took) // unless the person has said something else meanwhile
    return end(row, 'undone')
  }

  return async (row) => {
    const contact = isLocal(row) ? await contactOf(row) : undefined
    switch (due(row.stage, contact !== undefined && contact.trust !== 'none')) {
      case 'complain':
        return complain(row)
      case 'distrust':
        return distrust(row, contact)
      case 'withdraw':
        return withdraw(row, contact)
      case 'forget':
        await db.transaction((tx) => gestures.drop(tx, [row.id]))
        return 'forget'
    }
  }
}

const isLocal = ({ provenance }: Gesture): boolean => provenance.path.length < 2

/** Complaints: those made here, by whichever way, and those about mail sent from here. */
import { type Gesture, idOf } from '../../src/complaint/gesture.ts'
import { type Grievance, grievances } from '../../src/complaint/verdict.ts'
import { partsOfKey } from '../../src/envelope/envelope.ts'
import { Refusal } from '../../src/refusal.ts'
import { type Account, list } from '../../store/account.ts'
import { type Placed, placedByName } from '../../store/gesture.ts'
import { nameOfAgent } from '../fingerprint.ts'
import type { House, Operation } from '../house.ts'
import { accountOf } from './who.ts'

/** `by` is an account here, `of` the sender it complained about. */
export type MadeView = {
  envelope: string
  by: string
  of: string
  reason: Grievance
  stage: Gesture['stage']
  at: number
  /** While it is pending: when it is sent. */
  dueAt: number | null
  code: string | null
  /** The neighbour that handed the message over, and so pays for it; none for mail of this very gateway. */
  costs: { agent: string; name: string } | null
  /** Gateways the message came by, its origin first. */
  path: { agent: string; name: string }[]
  delivered: number
}

/** Who complained is not said. */
export type ReceivedView = { envelope: string; about: string; reason: Grievance; at: number; messageId: string | null }

export type Complaints = { made: MadeView[]; received: ReceivedView[] }

export const complaintList: Operation<object, Complaints> = async (house) => {
  const accounts = new Map((await list(house.store.db)).map((one) => [one.id, one]))
  const received = [...accounts.values()].flatMap(({ entityId, address }) =>
    (house.web.conduct(entityId)?.accusations ?? []).map(({ key, reason, at, messageId }) => ({
      envelope: partsOfKey(key)[1],
      about: address,
      reason,
      at,
      messageId: messageId ?? null,
    })),
  )
  return {
    made: house.gestures.list().map((one) => madeOf(house, one, accounts)),
    received: received.sort((a, b) => b.at - a.at),
  }
}

export const complaintShow: Operation<{ envelope: string }, Complaints> = async (house, { envelope }) => {
  const all = await complaintList(house, {}, () => {})
  const made = all.made.filter((one) => one.envelope === envelope)
  const received = all.received.filter((one) => one.envelope === envelope || one.messageId === envelope)
  if (made.length + received.length > 0) return { made, received }
  throw new Refusal(
    'entity-unknown',
    `No complaint about ${envelope} is remembered. \`vouchsafe complaint list\` shows all of the last 28 days.`,
  )
}

type Of = { message: string; as?: string }

/** For those whose mail program has no Junk folder: sent at once, without a grace. */
export const complaintRaise: Operation<Of & { reason: string }, MadeView> = async (house, { reason, ...of }) => {
  const why = grievances.find((one) => one === reason)
  if (why === undefined) throw new Error(`"${reason}" is no reason. Give one of: ${grievances.join(', ')}.`)
  const { account, provenance } = await messageOf(house, of)
  const made = await house.gestures.raise(account.id, provenance, why)
  if (made !== undefined) return madeOf(house, made, new Map([[account.id, account]]))
  const before = house.gestures.list().some(({ id }) => id === idOf(account.id, provenance))
  throw new Error(
    before
      ? 'There is a complaint about this message already. `vouchsafe complaint list` shows how it stands.'
      : 'The message arrived more than seven days ago: it is too late to complain about it.',
  )
}

export const complaintWithdraw: Operation<Of, MadeView> = async (house, of) => {
  const { account, provenance } = await messageOf(house, of)
  const undone = await house.gestures.takeBack(idOf(account.id, provenance))
  if (undone !== undefined) return madeOf(house, undone, new Map([[account.id, account]]))
  throw new Error('There is no complaint about this message that could be taken back.')
}

const messageOf = async (
  house: House,
  { message, as }: Of,
): Promise<{ account: Account; provenance: Placed['provenance'] }> => {
  const { db } = house.store
  const accounts = as === undefined ? await list(db) : [await accountOf(house, as)]
  const names = { envelopes: [message.toLowerCase()], messageId: /^<.*>$/.test(message) ? message : `<${message}>` }
  const found = []
  for (const account of accounts) {
    const [first] = await placedByName(db, account.id, names)
    if (first) found.push({ provenance: first.provenance, account })
  }
  const [only] = found
  if (only && found.length === 1) return only
  if (only) throw new Error('Several people here have this message. Say who complains, with --as ADDRESS.')
  throw new Refusal(
    'entity-unknown',
    `No message ${message} is in any folder here that came by the web. Give its envelope id (32 hex digits, in the line Vouchsafe-Path above the message) or its Message-ID.`,
  )
}

const madeOf = (house: House, one: Gesture, accounts: ReadonlyMap<number, { address: string }>): MadeView => {
  const { key, address, path, at } = one.provenance
  const named = path.map((agent) => ({ agent, name: nameOf(house, agent) }))
  return {
    envelope: partsOfKey(key)[1],
    by: accounts.get(one.account)?.address ?? 'an account that is gone',
    of: address,
    reason: one.reason,
    stage: one.stage,
    at: one.at,
    dueAt: one.stage === 'pending' ? one.dueAt : null,
    code: one.code ?? null,
    costs: named.at(-2) ?? null,
    path: named,
    delivered: at,
  }
}

const nameOf = ({ web, keyring, config }: House, agent: string): string => {
  if (agent === keyring.agent.id) return `${config.gateway.name} (here)`
  return web.links().find((link) => link.agent === agent)?.name ?? nameOfAgent(agent)
}

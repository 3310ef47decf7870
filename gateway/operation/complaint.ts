/** Complaints: those made here, by whichever way, and those about mail sent from here. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Gesture, idOf } from '../../src/complaint/gesture.ts'
import { type Entry, type Grievance, grievances } from '../../src/complaint/verdict.ts'
import { partsOfKey } from '../../src/envelope/envelope.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Provenance } from '../../src/state.ts'
import { type Account, list } from '../../store/account.ts'
import { complaintsHeard, complaintsNamed } from '../../store/web.ts'
import { foundByName } from '../complaint/found.ts'
import type { House, Operation } from '../house.ts'
import { OperationError } from './error.ts'
import { nameOf } from './neighbour.ts'
import { accountOf } from './who.ts'

/** `by` is an account here, `of` the sender it complained about. */
type MadeView = {
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

/** About mail of an account here, or mail we handed on. Who complained is not said. */
type ReceivedView = {
  envelope: string
  /** The account, or null where it was handed on. */
  about: string | null
  reason: string
  at: number
  messageId: string | null
  withdrawnAt: number | null
  /** The neighbour we pay, and the one that pays us for it; none at an end of the way. */
  paid: Neighbour | null
  charged: Neighbour | null
}
type Neighbour = { agent: string; name: string }

export type Complaints = { made: MadeView[]; received: ReceivedView[] }

/** More says no more to a person. */
const SHOWN = 1000

export const complaintList: Operation<object, Complaints> = async (house) =>
  viewOf(house, await complaintsHeard(house.store.db, SHOWN))

/** @param entries of those received; all that were made here are few */
const viewOf = async (house: House, entries: readonly Entry[]): Promise<Complaints> => {
  const accounts = await list(house.store.db)
  const byId = new Map(accounts.map((one) => [one.id, one]))
  const byEntity = new Map(accounts.map((one) => [one.entityId, one.address]))
  const made = house.gestures.list().map((one) => madeOf(house, one, byId))
  const local = house.gestures.list().filter(({ stage, provenance: { path } }) => stage === 'made' && path.length < 2)
  const received = [...entries.map((one) => receivedOf(house, one, byEntity)), ...local.map((one) => receivedHere(one))]
  return { made, received: received.sort((a, b) => b.at - a.at) }
}

const receivedOf = (house: House, one: Entry, accounts: ReadonlyMap<string, string>): ReceivedView => ({
  envelope: partsOfKey(one.key)[1],
  about: one.role === 'received' ? (accounts.get(one.sender ?? '') ?? 'an account that is gone') : null,
  reason: one.reason,
  at: one.at,
  messageId: one.messageId ?? null,
  withdrawnAt: one.withdrawnAt ?? null,
  paid: one.over === undefined ? null : { agent: one.over, name: nameOf(house, one.over) },
  charged: one.charged === undefined ? null : { agent: one.charged, name: nameOf(house, one.charged) },
})

/** Between two people of this gateway: no neighbour pays. */
const receivedHere = ({ provenance, reason, at }: Gesture): ReceivedView => ({
  envelope: partsOfKey(provenance.key)[1],
  about: provenance.address,
  reason,
  at,
  messageId: null,
  withdrawnAt: null,
  paid: null,
  charged: null,
})

export const complaintShow: Operation<{ envelope: string }, Complaints> = async (house, { envelope }) => {
  const named = new Set([envelope, ...(await house.web.lookUp(envelope)).map(({ id }) => id)]) // by Message-ID, for one
  const spelled = [envelope, `<${envelope}>`]
  const all = await viewOf(house, await complaintsNamed(house.store.db, [...named], spelled))
  const made = all.made.filter((one) => named.has(one.envelope))
  const received = all.received.filter((one) => named.has(one.envelope) || spelled.includes(one.messageId ?? ''))
  if (made.length + received.length > 0) return { made, received }
  throw new Refusal(
    'entity-unknown',
    `No complaint about ${envelope} is remembered. \`vouchsafe complaint list\` shows all.`,
  )
}

type Of = { message: string; as?: string }

/** For those whose mail program has no Junk folder: sent at once, without a grace. */
export const complaintRaise: Operation<Of & { reason: string }, MadeView> = async (house, { reason, ...of }) => {
  const why = grievances.find((one) => one === reason)
  if (why === undefined) throw new OperationError(`"${reason}" is no reason. Give one of: ${grievances.join(', ')}.`)
  const { account, provenance } = await messageOf(house, of)
  const made = await house.gestures.raise(account.id, provenance, why)
  if (made !== undefined) return madeOf(house, await soon(house, made), new Map([[account.id, account]]))
  const before = house.gestures.list().some(({ id }) => id === idOf(account.id, provenance))
  throw new OperationError(
    before
      ? 'There is a complaint about this message already. `vouchsafe complaint list` shows how it stands.'
      : 'The message arrived more than seven days ago: it is too late to complain about it.',
  )
}

const SOON_MS = 1_000
const LOOK_MS = 20

/** What comes of it where a gateway runs: of somebody who was known there is no complaint. Mostly known at once. */
const soon = async ({ gestures, serving }: House, made: Gesture): Promise<Gesture> => {
  for (const until = Date.now() + SOON_MS; serving && Date.now() < until; await delay(LOOK_MS)) {
    const now = gestures.list().find(({ id }) => id === made.id)
    if (now && now.stage !== 'pending' && now.stage !== 'distrusting') return now
  }
  return made
}

export const complaintWithdraw: Operation<Of, MadeView> = async (house, of) => {
  const { account, provenance } = await messageOf(house, of)
  const undone = await house.gestures.takeBack(idOf(account.id, provenance))
  if (undone !== undefined) return madeOf(house, undone, new Map([[account.id, account]]))
  throw new OperationError('There is no complaint about this message that could be taken back.')
}

const messageOf = async (house: House, { message, as }: Of): Promise<{ account: Account; provenance: Provenance }> => {
  const { db } = house.store
  const accounts = as === undefined ? await list(db) : [await accountOf(house, as)]
  const names = { envelopes: [message.toLowerCase()], messageId: /^<.*>$/.test(message) ? message : `<${message}>` }
  const found = []
  for (const account of accounts) {
    const provenance = await foundByName(db, { account: account.id, entityId: account.entityId }, names)
    if (provenance) found.push({ provenance, account })
  }
  const [only] = found
  if (only && found.length === 1) return only
  if (only) throw new OperationError('Several people here have this message. Say who complains, with --as ADDRESS.')
  throw new Refusal(
    'entity-unknown',
    `No message ${message} that came by the web is known here. Give its envelope id (32 hex digits, in the line Vouchsafe-Path above the message) or its Message-ID.`,
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

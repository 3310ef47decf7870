/** What is under way, where each message has been, and what an administrator may do about it. */
import type { Custody } from '../../src/custody/custody.ts'
import { isHeld } from '../../src/custody/hold.ts'
import { Refusal, type RefusalCode } from '../../src/refusal.ts'
import { reasons } from '../../src/report/words.ts'
import type { House, Operation } from '../house.ts'
import { OperationError } from './error.ts'
import { nameOf } from './neighbour.ts'

/** One envelope: one message to one recipient. */
type Underway = {
  key: string
  envelope: string
  role: Custody['role']
  state: Custody['state']
  /** As typed at the origin; relays know the entity only. */
  to: string
  messageId: string | null
  sizeBytes: number
  created: number
  expires: number
  attempts: number
  retryAt: number | null
  /** In words: what it waits for. */
  why: string
}

type Trail = Underway & {
  outcome: { event: string; code: string | null; by: string; at: number } | null
  /** The envelope in which the message went once more, its permit having ended: src/custody/again.ts. */
  anew: string | null
  steps: { event: string; at: number; by: string; byName: string; next: string | null; text: string; signed: string }[]
}

export const queueList: Operation<object, Underway[]> = async (house) =>
  (await house.web.queue()).map((row) => underwayOf(house, row))

/** @returns a trail a recipient: a message to three people has three */
export const queueShow: Operation<{ id: string }, Trail[]> = async (house, { id }) =>
  Promise.all((await lookUp(house, id)).map(async (row) => trailOf(house, row, await anewOf(house, row))))

type Left = { envelope: string; why: string }

/** `left`: those for which there was nothing to do, each with why. */
export const queueRetry: Operation<{ id: string }, { retried: string[]; left: Left[] }> = async (house, { id }) => {
  if (!house.serving)
    throw new OperationError(
      'Nothing is handed on while the gateway does not run. `vouchsafe serve` tries everything again.',
    )
  const rows = unfinished(await lookUp(house, id), id)
  const tried = await Promise.all(rows.map((row) => retried(house, row)))
  return {
    retried: tried.flatMap(({ envelope, why }) => (why === undefined ? [envelope] : [])),
    left: tried.flatMap(({ envelope, why }) => (why === undefined ? [] : [{ envelope, why }])),
  }
}

/** One that can't be tried any more keeps nobody from hearing of the others. */
const retried = async (house: House, was: Custody): Promise<{ envelope: string; why?: string }> => {
  try {
    const row = (await house.web.retry(was.key)) ?? was
    const isMoving = row.state !== 'handed' && row.state !== 'done' && !row.isHeldBack && !isHeld(row, Date.now())
    if (isMoving) return { envelope: row.id }
    return {
      envelope: row.id,
      why: `it is ${whyOf(house, row)}${row.state === 'handed' ? ', whose report is awaited' : ''}`,
    }
  } catch (error) {
    if (error instanceof Refusal) return { envelope: was.id, why: error.detail }
    throw error
  }
}

/** `left`: those that are out of our hands, each with why. */
export const queueHold: Operation<{ id: string }, { held: string[]; left: Left[] }> = async (house, { id }) => {
  const rows = unfinished(await lookUp(house, id), id)
  const now = await Promise.all(rows.map(async (row) => (await house.web.hold(row.key)) ?? row))
  return {
    held: now.filter((row) => row.isHeldBack).map((row) => row.id),
    left: now.filter((row) => !row.isHeldBack).map((row) => ({ envelope: row.id, why: `it is ${whyOf(house, row)}` })),
  }
}

export const queueRelease: Operation<{ id: string }, { released: string[] }> = async (house, { id }) => {
  const held = unfinished(await lookUp(house, id), id).filter((row) => row.isHeldBack)
  if (held.length === 0)
    throw new OperationError(`${id} is not held back: \`vouchsafe queue list\` shows what it waits for.`)
  for (const { key } of held) await house.web.letGo(key)
  return { released: held.map((row) => row.id) }
}

export const queueDrop: Operation<{ id: string }, { dropped: string[] }> = async (house, { id }) => {
  const rows = unfinished(await lookUp(house, id), id)
  for (const { key } of rows) await house.web.giveUp(key)
  return { dropped: rows.map(({ id }) => id) }
}

const lookUp = async ({ web }: House, id: string): Promise<Custody[]> => {
  const rows = await web.lookUp(id)
  if (rows.length > 0) return rows
  throw new Refusal(
    'entity-unknown',
    `No message ${id} is known here. Give its envelope id, the id in "Accepted as …", or its Message-ID. ` +
      'Messages that ended are forgotten after twice their life-time; of one from here to here the log alone knows.',
  )
}

const unfinished = (rows: Custody[], id: string): Custody[] => {
  const left = rows.filter((row) => row.state !== 'done')
  if (left.length > 0) return left
  throw new OperationError(`${id} has ended: \`vouchsafe trace ${id}\` shows how.`)
}

const underwayOf = (house: House, row: Custody): Underway => ({
  key: row.key,
  envelope: row.id,
  role: row.role,
  state: row.state,
  to: row.address ?? house.keyring.entity(row.to ?? '')?.address ?? row.to ?? 'unknown',
  messageId: row.messageId ?? null,
  sizeBytes: row.size,
  created: row.created,
  expires: row.expires,
  attempts: row.attempts,
  retryAt: row.retryAt,
  why: whyOf(house, row),
})

const whyOf = (house: House, row: Custody): string => {
  if (row.isHeldBack && row.state === 'handed')
    return `in custody of ${nameOf(house, row.next ?? '')}, which has signed for it since it was held back`
  if (row.isHeldBack && row.state !== 'done') return 'held back here, until it is released'
  if (isHeld(row, Date.now())) return `held until ${new Date(row.heldUntil ?? 0).toISOString()}, as its sender asked`
  if (row.lodge && row.state !== 'done') return 'waiting for the mail server of people here (LMTP)'
  switch (row.state) {
    case 'spooled':
      return row.awaits?.startsWith('who:') ? 'looking for the recipient' : 'about to be sealed'
    case 'waiting':
      return row.awaits === null ? 'waiting to try again' : awaited(house, row.awaits)
    case 'handing':
      return `being handed to ${nameOf(house, row.next ?? '')}`
    case 'handed':
      return row.stalled?.includes(row.next ?? '')
        ? `${nameOf(house, row.next ?? '')} has taken it and is silent; another path is looked for`
        : `in custody of ${nameOf(house, row.next ?? '')}`
    case 'done':
      return row.outcome?.event ?? 'done'
  }
}

const awaited = (house: House, awaits: string): string => {
  const [kind, of = ''] = awaits.split(/:(.*)/s)
  if (kind === 'credit') return `waiting for credit with ${nameOf(house, of)}`
  if (kind !== 'up') return 'looking for a path'
  const isUp = house.web.links().some(({ agent, up }) => agent === of && up)
  return isUp
    ? `waiting to try ${nameOf(house, of)} again: hand-failed in the log`
    : `waiting for ${nameOf(house, of)} to connect`
}

const anewOf = async ({ web }: House, row: Custody): Promise<string | null> => {
  if (row.role !== 'origin' || row.outcome?.code !== 'permit-ended' || row.submission === undefined) return null
  const beside = await web.lookUp(row.submission)
  return beside.find(({ id, address }) => id !== row.id && address === row.address)?.id ?? null
}

const trailOf = (house: House, row: Custody, anew: string | null): Trail => {
  const { outcome } = row
  const taken = {
    event: 'taken',
    at: row.created,
    by: row.origin,
    byName: nameOf(house, row.origin),
    next: null,
    text: takenOf(row),
    signed: row.envelope ?? '',
  }
  const steps = [...row.trail, ...ownEnd(house, row)].map((step) => ({
    event: step.event,
    at: step.at,
    by: step.by,
    byName: nameIn(house, row, step.by),
    next: step.next ?? null,
    text: textOf(house, row, step),
    signed: step.jws,
  }))
  return {
    ...underwayOf(house, row),
    outcome: outcome ? { event: outcome.event, code: outcome.code ?? null, by: outcome.by, at: outcome.at } : null,
    anew,
    steps: [taken, ...steps],
  }
}

/** One that its sender wanted to go later is dated from then. */
const takenOf = ({ role, heldUntil }: Custody): string => {
  if (role !== 'origin') return 'sent by its origin'
  return heldUntil === undefined ? 'accepted from the mail client' : 'kept until then, as its sender asked'
}

/** How it ended by our own word: of that no record came back to us. */
const ownEnd = ({ keyring }: House, { outcome, trail }: Custody): Custody['trail'] => {
  const isTold = trail.some(({ event, by }) => event === outcome?.event && by === outcome.by)
  return outcome?.by === keyring.agent.id && !isTold ? [{ ...outcome, jws: '' }] : []
}

const textOf = (house: House, row: Custody, step: Custody['trail'][number]): string => {
  switch (step.event) {
    case 'accepted':
      return 'took custody (signed receipt)'
    case 'forwarded':
      return `handed it to ${nameIn(house, row, step.next ?? '')}`
    case 'stalled':
      return `heard nothing from ${step.next ? nameIn(house, row, step.next) : 'the next gateway'}, and looks for another way`
    case 'refused':
      return refusal(row, step)
    default:
      return step.event
  }
}

const refusal = (row: Custody, { by, code }: Custody['trail'][number]): string => {
  if (code === undefined) return 'refused it: no reason given'
  if (code === 'given-up') return 'gave it up: its administrator took it out (given-up)'
  const why = reasons[code] === undefined ? code : `${reasons[code]} (${code})`
  const isPassedOn = row.agent !== undefined && by !== row.agent && theirs.has(code)
  return isPassedOn ? `says that the gateway of ${row.address} refused it: ${why}` : `refused it: ${why}`
}

/** What only the recipient's gateway finds; whoever else reports it had it from there. */
const theirs: ReadonlySet<string> = new Set<RefusalCode>([
  'mailbox-missing',
  'entity-unknown',
  'message-too-large',
  'seal-broken',
  'sender-unverified',
  'card-invalid',
  'store-refused',
  'mailbox-full',
  'permit-ended',
])

/** At the origin the recipient's gateway is known for that, though it is no neighbour. */
const nameIn = (house: House, row: Custody, agent: string): string => {
  const isTheirs =
    agent === row.agent && row.address !== undefined && !house.web.links().some((one) => one.agent === agent)
  return isTheirs ? `the gateway of ${row.address}` : nameOf(house, agent)
}

/**
 * A village from a seed: who lives there, who knows whom, what they write, and what goes wrong
 * until it heals.
 *
 *   founding ── trouble, mail is written ──> healed ── all envelopes end ──> settled ── memory fades ──> empty
 *
 * Lives are shortened so that a run sees all of one: an envelope lives half a day, or only minutes
 * where it is to end in the middle of the trouble.
 */
import { base32 } from '../../src/address.ts'
import { apply } from '../../src/apply.ts'
import type { Opinion } from '../../src/complaint/verdict.ts'
import { defaultTerms, type Terms } from '../../src/custody/custody.ts'
import type { Recipient } from '../../src/custody/submission.ts'
import { admitLocal, type Contact, type Link } from '../../src/state.ts'
import { type Agent, openAgent, type Trouble, type World } from './agent.ts'
import { calm, openCarrier } from './carrier.ts'
import { type Clock, openClock } from './clock.ts'
import { type Notary, openNotary } from './notary.ts'
import { hashOf, permitBy } from './papers.ts'
import { type Random, seeded } from './random.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const FOUNDED = 1_700_000_000_000
export const terms: Terms = {
  ...defaultTerms,
  delayMs: 30 * MINUTE,
  knownLifeMs: 12 * HOUR,
  unknownLifeMs: 2 * HOUR,
}

/** One message to one recipient, as its sender meant it. */
export type Written = {
  key: string
  submission: string
  origin: Agent
  /** Nobody, when the address does not exist. */
  to: Agent | undefined
  recipient: Recipient
  text: string
  at: number
}

export type Village = World & {
  agents: Agent[]
  terms: Terms
  written: Written[]
  /** What people said of each other; nothing else may change it. */
  opinions: { agent: Agent; contact: Contact }[]
  /** Links that are no more. */
  parted: [string, string][]
  healedAt: number
  clock: Clock
  notary: Notary
  random: Random
}

export const entityOf = (address: string): string => base32(Buffer.from(hashOf(address), 'hex'))

/** Agents `0` to `count - 1`, each with one inhabitant `p@<n>.test`, and links between them; all quiet. */
export const found = (
  seed: number,
  count: number,
  links: readonly (readonly [number, number])[],
  lives: Terms = terms,
): Village => {
  const random = seeded(seed)
  const clock = openClock(FOUNDED)
  const notary = openNotary()
  const carrier = openCarrier(clock, random)
  const agents: Agent[] = []
  const trouble: Trouble = {
    crash: 0,
    echo: 0,
    onCrash: (id) => kill(village, id, random.between(1000, random.chance(0.1) ? 3 * HOUR : 5 * MINUTE)),
  }
  const village: Village = {
    clock,
    carrier,
    random,
    notary,
    trouble,
    agents,
    terms: lives,
    written: [],
    opinions: [],
    parted: [],
    healedAt: FOUNDED,
  }
  for (let i = 0; i < count; i++) {
    const id = base32(Buffer.from(hashOf(`${seed} agent ${i}`), 'hex'))
    const agent = openAgent(village, id, `${i}.test`, lives)
    const address = `p@${i}.test`
    const entity = entityOf(address)
    admitLocal(agent.state, { entity, account: 1, address })
    agent.cards.set(entity, notary.sign(entity, 'CARD', { entity, address, agent: id }))
    agents.push(agent)
    carrier.join(id, agent)
  }
  for (const [i, j] of links) {
    const [a, b] = [at(village, i), at(village, j)]
    const link = (agent: Agent, name: string): Link => ({
      agent: agent.id,
      name,
      addresses: [],
      state: 'active',
      since: FOUNDED,
      up: false,
      limit: 1000, // what is on credit is the matter of credit.test.ts
    })
    a.state.links.set(b.id, link(b, `${j}.test`))
    b.state.links.set(a.id, link(a, `${i}.test`))
    carrier.link(a.id, b.id)
  }
  for (const agent of agents) agent.start()
  for (const [a, b] of carrier.links) carrier.turn(a, b, true)
  return village
}

export const at = (village: Village, i: number): Agent => {
  const agent = village.agents[i]
  if (agent === undefined) throw new Error(`no agent ${i}`)
  return agent
}

/** The agent dies now, with all its links, and is started again later. */
export const kill = (village: Village, id: string, forMs: number): void => {
  const agent = village.agents.find((one) => one.id === id)
  if (!agent?.isAlive()) return
  agent.crash()
  for (const [a, b] of village.carrier.links) if (a === id || b === id) village.carrier.turn(a, b, false)
  village.clock.in(forMs, () => revive(village, agent))
}

const revive = (village: Village, agent: Agent): void => {
  if (agent.isAlive()) return
  agent.start()
  const { carrier, clock, random } = village
  for (const [a, b] of carrier.links)
    if (a === agent.id || b === agent.id) clock.in(random.between(0, 10_000), () => carrier.turn(a, b, true))
}

/** An inhabitant of `origin`, the first unless another is named, sends one message; written down only once it was accepted. */
export const write = (
  village: Village,
  origin: Agent,
  to: readonly { address: string; notify?: Recipient['notify'] }[],
  by?: string,
  words?: string,
): void => {
  const { random, clock } = village
  if (!origin.isAlive()) return
  const [first] = origin.state.locals.keys()
  const entity = by ?? first
  const submission = random.id()
  const text = words ?? `message ${submission}`
  const recipients = to.map(
    ({ address, notify = [] }): Recipient => ({ address, notify, envelope: random.id(), stage: 'Queued' }),
  )
  const from = origin.state.locals.get(entity ?? '')?.address ?? ''
  const body = origin.keepBody(text)
  const given = {
    id: submission,
    account: 1,
    entity: entity ?? '',
    from,
    messageId: `<${submission}@x>`,
    subject: 'hello',
    header: Buffer.from(`Message-ID: <${submission}@x>\r\nSubject: hello\r\n`).toString('base64'),
    ret: 'HDRS' as const,
    body,
    size: text.length,
    at: clock.now,
    recipients,
    clearAt: null,
  }
  origin.raise({ on: 'submitted', submission: given, here: body }, () => {
    for (const recipient of recipients) {
      const there = village.agents.find((agent) => agent.state.addresses.has(recipient.address))
      const key = `${origin.id}/${recipient.envelope}`
      village.written.push({ key, submission, origin, to: there, recipient, text, at: clock.now })
    }
  })
}

/** The inhabitant of `agent` judges a message they got. */
export const judge = (village: Village, agent: Agent, key: string, opinion: Opinion): void => {
  const { notary, clock } = village
  const row = agent.state.custody.get(key)
  const [entity = ''] = agent.state.locals.keys()
  if (row === undefined || !agent.isAlive()) return
  const { origin, id, hash = '' } = row
  const at = clock.now
  const card = agent.cards.get(entity) ?? ''
  const signed =
    opinion === 'wanted'
      ? undefined
      : {
          complaint: notary.sign(entity, 'COMPLAINT', { net: 'village', origin, id, hash, reason: opinion, at }),
          card,
        }
  const permit = permitBy(agent.id, { origin, to: entity })
  agent.raise({ on: 'judged', judgement: { key, opinion, at, permit, ...(signed && { signed }) } })
}

/** Everybody lives, every link is up, nothing is lost any more. */
export const heal = (village: Village): void => {
  const { carrier, trouble, clock } = village
  carrier.weather = calm
  trouble.crash = 0
  trouble.echo = 0
  for (const agent of village.agents) revive(village, agent)
  for (const [a, b] of carrier.links) clock.in(10_001, () => carrier.turn(a, b, true))
  village.healedAt = clock.now
}

/** What the gateway's clock does now and then: queries are forgotten, and debts nobody can take any more. */
export const tidy = (village: Village, everyMs: number, until: number): void => {
  const { clock, agents } = village
  for (let when = clock.now; when <= until; when += everyMs)
    clock.in(when - clock.now, () => {
      for (const agent of agents) {
        agent.raise({ on: 'sweep' })
        for (const { key, expires } of agent.state.owed.values())
          if (expires <= clock.now) apply(agent.state, { drop: 'owed', key })
      }
    })
}

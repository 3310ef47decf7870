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
import type { Terms } from '../../src/custody/custody.ts'
import type { Recipient } from '../../src/custody/submission.ts'
import { admitLocal, apply, type Contact, contactKey, type Link } from '../../src/state.ts'
import { encodeMessage } from '../../src/wire/record.ts'
import { type Agent, openAgent, type Trouble, type World } from './agent.ts'
import { calm, openCarrier, type Weather } from './carrier.ts'
import { type Clock, openClock } from './clock.ts'
import { type Notary, openNotary } from './notary.ts'
import { hashOf } from './papers.ts'
import { type Random, seeded } from './random.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const FOUNDED = 1_700_000_000_000
const terms: Terms = { delayMs: 30 * MINUTE, knownLifeMs: 12 * HOUR, unknownLifeMs: 2 * HOUR }

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

/** The inhabitant of `origin` sends one message; written down only once it was accepted. */
export const write = (
  village: Village,
  origin: Agent,
  to: readonly { address: string; notify?: Recipient['notify'] }[],
): void => {
  const { random, clock } = village
  if (!origin.isAlive()) return
  const [entity] = origin.state.locals.keys()
  const submission = random.id()
  const text = `message ${submission}`
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

export type Plan = {
  terms: Terms
  weather: Weather
  crash: number
  echo: number
  /** How long the trouble lasts; how long a link stays up and down in the middle. */
  troubleMs: number
  upMs: number
  downMs: number
  messages: number
  /** How many agents write to each other again and again; the others do so seldom. */
  friends: number
  /** Agents that die early in the trouble and stay dead to its end. */
  dead: number
  /** Whether the village is cut in two some time after the trouble began, to its end. */
  parted: boolean
  /** Links that are given up for good in the midst of it. */
  revoked: number
  /** Whether agents remember ways that are not the best, and may lead where there is no way on. */
  detours: boolean
}

/** What goes wrong, from mild to such that envelopes expire before it heals. */
export const planOf = (random: Random): Plan => {
  const weather = { loss: random.next() * 0.3, repeat: random.next() * 0.3, slow: random.next() * 0.1 }
  const storm: Plan = {
    terms,
    weather,
    crash: random.next() * 0.02,
    echo: random.next() * 0.2,
    troubleMs: random.between(3, 20) * MINUTE,
    upMs: random.between(10, 300) * 1000,
    downMs: random.between(1, 120) * 1000,
    messages: random.between(4, 14),
    friends: random.between(2, 4),
    dead: 0,
    parted: random.chance(0.3),
    revoked: random.chance(0.2) ? 1 : 0,
    detours: random.chance(0.5),
  }
  const kind = random.next()
  if (kind < 0.1) return { ...storm, weather: calm, crash: 0, troubleMs: 0, parted: false, revoked: 0, detours: false }
  if (kind < 0.5) return storm
  if (kind < 0.8) {
    const knownLifeMs = random.between(5, 30) * MINUTE
    const short = { delayMs: 4 * MINUTE, knownLifeMs, unknownLifeMs: 4 * MINUTE }
    return {
      ...storm,
      terms: short,
      messages: 2 * storm.messages,
      troubleMs: knownLifeMs + random.between(-5, 20) * MINUTE,
    }
  }
  const long = { ...storm, upMs: random.between(5, 60) * MINUTE, downMs: random.between(5, 60) * MINUTE }
  const worse = { ...long, dead: random.between(0, 2), parted: random.chance(0.5) }
  return { ...worse, troubleMs: kind < 0.9 ? random.between(1, 10) * HOUR : random.between(11, 14) * HOUR }
}

/** Lives through the trouble and heals. */
export const suffer = (village: Village, plan: Plan): void => {
  const { clock, carrier, random, agents, trouble } = village
  const end = clock.now + plan.troubleMs
  carrier.weather = plan.weather
  trouble.crash = plan.crash
  trouble.echo = plan.echo
  const half = new Set(agents.filter((_, i) => i < agents.length / 2).map((agent) => agent.id))
  const partedAt = clock.now + random.between(0, Math.min(plan.troubleMs, HOUR))
  if (plan.troubleMs > 0)
    for (const link of carrier.links) {
      const isCut = plan.parted && half.has(link[0]) !== half.has(link[1])
      flap(village, plan, link, isCut ? partedAt : end)
    }
  for (const agent of random.shuffled(agents).slice(0, plan.dead))
    clock.in(random.between(0, MINUTE), () => kill(village, agent.id, end - clock.now))
  const friends = random.shuffled(agents).slice(0, plan.friends)
  for (const agent of friends) thinkOfOthers(village, agent)
  if (plan.detours)
    for (const agent of agents) for (const friend of friends) if (random.chance(0.5)) remember(village, agent, friend)
  for (let i = 0; i < plan.revoked; i++) clock.in(random.between(0, plan.troubleMs), () => revoke(village))
  for (let i = 0; i < plan.messages; i++)
    clock.in(random.between(0, Math.min(plan.troubleMs, HOUR)), () =>
      someoneWrites(village, random.chance(0.8) ? friends : agents),
    )
  for (let i = 0; i < plan.messages; i++) clock.in(random.between(0, plan.troubleMs), () => meddle(village))
  clock.passUntil(end)
  heal(village)
}

/** A link breaks for a while, and again, until a moment from which on it stays down. */
const flap = (village: Village, plan: Plan, link: [string, string], until: number): void => {
  const { clock, carrier, random } = village
  const [a, b] = link
  const isUp = carrier.isUp(a, b)
  const pause = Math.round((isUp ? plan.upMs : plan.downMs) * (0.2 + 1.6 * random.next()))
  clock.in(Math.min(pause, until - clock.now), () => {
    carrier.turn(a, b, clock.now < until && !isUp)
    if (clock.now < until) flap(village, plan, link, until)
  })
}

const someoneWrites = (village: Village, among: readonly Agent[]): void => {
  const { random } = village
  const origin = random.pick(among)
  const addresses = among.flatMap((agent) => [...agent.state.addresses.keys()])
  const to = random.shuffled(addresses).slice(0, random.chance(0.7) ? 1 : random.between(2, 3))
  if (random.chance(0.03)) to.push(`nobody@${random.between(100, 999)}.test`)
  const notify = (): Recipient['notify'] =>
    random.chance(0.1) ? ['NEVER'] : random.chance(0.2) ? ['SUCCESS', 'FAILURE'] : []
  write(
    village,
    origin,
    to.map((address) => ({ address, notify: notify() })),
  )
}

/** Somebody makes up their mind about some of the others. */
const thinkOfOthers = (village: Village, agent: Agent): void => {
  const [entity = ''] = agent.state.locals.keys()
  for (const other of village.agents) {
    if (other === agent || village.random.chance(0.5)) continue
    const [address = ''] = other.state.addresses.keys()
    const trust = village.random.pick(['explicit', 'none'] as const)
    const contact: Contact = { entity, other: entityOf(address), trust, address, at: village.clock.now }
    agent.state.contacts.set(contactKey(entity, contact.other), contact)
    village.opinions.push({ agent, contact })
  }
}

/** `agent` has found `friend` before, by a way that need not be the best: any that goes nowhere twice. */
const remember = (village: Village, agent: Agent, friend: Agent): void => {
  const { random, carrier, clock } = village
  const hops = [agent.id]
  for (let here = agent.id; here !== friend.id; here = hops.at(-1) ?? '') {
    const next = random.shuffled(carrier.links).flatMap(([a, b]) => (a === here ? [b] : b === here ? [a] : []))
    const onward =
      next.find((one) => one === friend.id && random.chance(0.3)) ?? next.find((one) => !hops.includes(one))
    if (onward === undefined) return
    hops.push(onward)
  }
  if (hops.length < 2 || hops.length > 8) return
  const [[entity, { address }] = ['', { address: '' }]] = friend.state.locals
  const expires = clock.now + 300 * 24 * HOUR
  const card = friend.cards.get(entity) ?? ''
  apply(agent.state, { put: 'known', row: { entity, address, agent: friend.id, expires }, card })
  apply(agent.state, { put: 'route', row: { entity, hops, expires: clock.now + random.between(0, 24 * HOUR) } })
}

/** Two neighbours part for ever. */
const revoke = (village: Village): void => {
  const { carrier, random, agents } = village
  const link = random.pick(carrier.links)
  const [a, b] = link
  carrier.turn(a, b, false)
  carrier.links.splice(carrier.links.indexOf(link), 1)
  village.parted.push(link)
  for (const [mine, other] of [[a, b] as const, [b, a] as const]) {
    const state = agents.find((one) => one.id === mine)?.state
    const row = state?.links.get(other)
    if (state && row) apply(state, { put: 'link', row: { ...row, state: 'revoked', up: false } })
  }
}

/** An administrator presses "retry", or somebody who never had an envelope reports on it. */
const meddle = (village: Village): void => {
  const { random, agents } = village
  const agent = random.pick(agents)
  const row = random.pick([...agent.state.custody.values(), undefined])
  if (row === undefined || !agent.isAlive()) return
  if (random.chance(0.5)) {
    agent.raise({ on: 'retry', key: row.key })
    return
  }
  const stranger = random.pick([...agent.state.links.keys()])
  const hadIt = village.agents.find((one) => one.id === stranger)?.state.custody.has(row.key)
  const mayHaveIt = hadIt || JSON.stringify(row).includes(stranger)
  if (mayHaveIt) return
  const event = random.pick(['delivered', 'refused', 'expired'] as const)
  const code = event === 'refused' ? { code: 'mailbox-missing' as const } : {}
  const report = { id: row.id, origin: row.origin, event, at: village.clock.now, ...code }
  const reports = [village.notary.sign(stranger, 'REPORT', report)]
  const { echo } = village.trouble
  village.trouble.echo = 0 // repeated later, it might be the lie of somebody who has it by then
  const call = { records: [encodeMessage({ t: 'REPORTS', origin: row.origin, id: row.id, reports })] }
  agent.take(stranger, call, () => {})
  village.trouble.echo = echo
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

/** A line, a ring, a star, or a small random graph with cycles. */
export const shapeOf = (random: Random): { count: number; links: [number, number][] } => {
  const kind = random.pick(['line', 'ring', 'star', 'graph', 'graph', 'graph'] as const)
  if (kind === 'line') {
    const count = random.between(3, 5)
    return { count, links: Array.from({ length: count - 1 }, (_, i) => [i, i + 1]) }
  }
  const count = random.between(5, kind === 'graph' ? 12 : 7)
  if (kind === 'ring') return { count, links: Array.from({ length: count }, (_, i) => [i, (i + 1) % count]) }
  if (kind === 'star') return { count, links: Array.from({ length: count - 1 }, (_, i) => [0, i + 1]) }
  const links: [number, number][] = []
  const isLinked = (a: number, b: number) => links.some(([i, j]) => (i === a && j === b) || (i === b && j === a))
  for (let i = 1; i < count; i++) links.push([random.between(0, i - 1), i])
  for (let i = 0; i < count * 0.7; i++) {
    const [a, b] = [random.between(0, count - 1), random.between(0, count - 1)]
    if (a !== b && !isLinked(a, b)) links.push([a, b])
  }
  return { count, links }
}

/**
 * A village from a seed: who lives there, who knows whom, what they write, and what goes wrong
 * until it heals.
 *
 *   founding ── trouble, mail is written ──> healed ── all envelopes end ──> settled ── memory fades ──> empty
 *
 * Lives are shortened so that a run sees all of one: an envelope lives half a day, an unknown
 * address two hours, a delay is told after half an hour.
 */
import { base32, targetOfAddress } from '../../src/address.ts'
import type { Terms } from '../../src/custody/custody.ts'
import type { Recipient } from '../../src/custody/submission.ts'
import { admitLocal, type Link } from '../../src/state.ts'
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
export const terms: Terms = { delayMs: 30 * MINUTE, knownLifeMs: 12 * HOUR, unknownLifeMs: 2 * HOUR }

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
  written: Written[]
  healedAt: number
  clock: Clock
  notary: Notary
  random: Random
}

export const entityOf = (address: string): string => base32(Buffer.from(hashOf(address), 'hex'))

/** Agents `0` to `count - 1`, each with one inhabitant `p@<n>.test`, and links between them; all quiet. */
export const found = (seed: number, count: number, links: readonly (readonly [number, number])[]): Village => {
  const random = seeded(seed)
  const clock = openClock(FOUNDED)
  const notary = openNotary()
  const carrier = openCarrier(clock, random)
  const agents: Agent[] = []
  const trouble: Trouble = { crash: 0, echo: 0, onCrash: (id) => kill(village, id, random.between(1000, 5 * MINUTE)) }
  const village: Village = { clock, carrier, random, notary, trouble, agents, written: [], healedAt: FOUNDED }
  for (let i = 0; i < count; i++) {
    const id = base32(Buffer.from(hashOf(`${seed} agent ${i}`), 'hex'))
    const agent = openAgent(village, id, `${i}.test`, terms)
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
  const event = { on: 'submitted' as const, submission: given, here: body }
  origin.raise(event, () => {
    for (const recipient of recipients) {
      const there = village.agents.find((agent) => agent.state.addresses.has(recipient.address))
      const key = `${origin.id}/${recipient.envelope}`
      village.written.push({ key, submission, origin, to: there, recipient, text, at: clock.now })
    }
    // A mail program that was cut off may ask the same again; what is under way is not sent twice.
    if (origin.state.submissions.has(submission) && random.chance(village.trouble.echo)) origin.raise(event)
  })
}

export type Plan = {
  weather: Weather
  crash: number
  echo: number
  /** How long the trouble lasts; how long a link stays up and down in the middle. */
  troubleMs: number
  upMs: number
  downMs: number
  messages: number
  /** Agents that die early in the trouble and stay dead to its end. */
  dead: number
  /** Whether the village is cut in two some time after the trouble began, to its end. */
  parted: boolean
}

/** What goes wrong, from mild to such that envelopes expire before it heals. */
export const planOf = (random: Random): Plan => {
  const weather = { loss: random.next() * 0.3, repeat: random.next() * 0.3, slow: random.next() * 0.1 }
  const storm = { weather, crash: random.next() * 0.02, echo: random.next() * 0.2, messages: random.between(4, 14) }
  const kind = random.next()
  if (kind < 0.1)
    return { ...storm, weather: calm, crash: 0, troubleMs: 0, upMs: HOUR, downMs: 1, dead: 0, parted: false }
  if (kind < 0.7)
    return {
      ...storm,
      troubleMs: random.between(3, 20) * MINUTE,
      upMs: random.between(10, 300) * 1000,
      downMs: random.between(1, 120) * 1000,
      dead: 0,
      parted: random.chance(0.3),
    }
  const long = { ...storm, upMs: random.between(5, 60) * MINUTE, downMs: random.between(5, 60) * MINUTE }
  const dead = random.between(0, 2)
  if (kind < 0.88) return { ...long, troubleMs: random.between(1, 10) * HOUR, dead, parted: random.chance(0.5) }
  return { ...long, troubleMs: random.between(11, 14) * HOUR, dead, parted: random.chance(0.5) }
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
  for (let i = 0; i < plan.messages; i++)
    clock.in(random.between(0, Math.min(plan.troubleMs, HOUR)), () => someoneWrites(village))
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

const someoneWrites = (village: Village): void => {
  const { random, agents } = village
  const origin = random.pick(agents)
  const to = random
    .shuffled(agents.map((_, i) => `p@${i}.test`))
    .slice(0, random.chance(0.7) ? 1 : random.between(2, 3))
  if (random.chance(0.03)) to.push(`nobody@${random.between(100, 999)}.test`)
  const notify = (): Recipient['notify'] =>
    random.chance(0.1) ? ['NEVER'] : random.chance(0.2) ? ['SUCCESS', 'FAILURE'] : []
  write(
    village,
    origin,
    to.map((address) => ({ address, notify: notify() })),
  )
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
  agent.take(
    stranger,
    { records: [encodeMessage({ t: 'REPORTS', origin: row.origin, id: row.id, reports })] },
    () => {},
  )
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

export const tidy = (village: Village, everyMs: number, until: number): void => {
  const { clock, agents } = village
  for (let when = clock.now; when <= until; when += everyMs)
    clock.in(when - clock.now, () => {
      for (const agent of agents) agent.raise({ on: 'sweep' })
    })
}

export const targetOf = (address: string): string => targetOfAddress(address)

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

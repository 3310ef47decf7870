/**
 * A village goes through its trouble: links break, agents die, somebody meddles, and meanwhile mail
 * is written. Then it heals.
 */

import { apply } from '../../src/apply.ts'
import type { Recipient } from '../../src/custody/submission.ts'
import { routeOf } from '../../src/route/cache.ts'
import { type Contact, contactKey } from '../../src/state.ts'
import { encodeMessage } from '../../src/wire/record.ts'
import type { Agent } from './agent.ts'
import type { Plan } from './plan.ts'
import { entityOf, HOUR, heal, judge, kill, MINUTE, type Village, write } from './village.ts'

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
    for (const agent of agents) for (const friend of friends) if (random.chance(0.9)) remember(village, agent, friend)
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
      next.find((one) => one === friend.id && random.chance(0.2)) ?? next.find((one) => !hops.includes(one))
    if (onward === undefined) return
    hops.push(onward)
  }
  if (hops.length < 2 || hops.length > 8) return
  const [[entity, { address }] = ['', { address: '' }]] = friend.state.locals
  const expires = clock.now + 300 * 24 * HOUR
  const card = friend.cards.get(entity) ?? ''
  apply(agent.state, { put: 'known', row: { entity, address, agent: friend.id, expires }, card })
  const route = routeOf({ entity, hops, expires: clock.now + random.between(0, 24 * HOUR) })
  apply(agent.state, { put: 'route', row: route })
}

/** Records are lost and come twice, agents die and are back: also judgements must survive that. */
export const worsen = ({ carrier, trouble }: Village, plan: Plan): void => {
  carrier.weather = plan.weather
  trouble.crash = plan.crash
  trouble.echo = plan.echo
}

/** For six days people judge what they got, and some change their minds. */
export const judgeAll = (village: Village): void => {
  const { random, clock, agents } = village
  for (const agent of agents)
    for (const { provenance } of agent.mail) {
      if (provenance === undefined || random.chance(0.3)) continue
      const opinions = ['abuse', 'wanted', 'other', 'not-spam', 'fraud'] as const
      for (let i = random.between(1, 3); i > 0; i--)
        clock.in(random.between(0, 6 * 24 * HOUR), () => judge(village, agent, provenance.key, random.pick(opinions)))
    }
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

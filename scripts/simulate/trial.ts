/**
 * One trial: a web with some attackers, and weeks of mail between strangers, metered by the gateway's
 * own arithmetic of credit. Time is virtual; everything random comes from the seed.
 *
 *   honest     write `perDay` letters a day to anybody at random, and want what honest people write to
 *              them but for a share `falseRate`. They judge after half a day in the mean; a share `silent` says nothing
 *   attackers  write `attackPerDay` letters a day to honest people, who complain about `complainRate` of
 *              them; complain about all that honest people write to them; carry others' mail as all do
 *
 * A letter takes the shortest way that has credit on every link, and is tried again for five days
 * while there is none. Transit takes no time: it is seconds, and credit is about days.
 * `spamBound` is checked at every unwanted letter; a trial that breaks it throws.
 */
import { DAY_MS } from '../../src/credit/credit.ts'
import { type Clock, openClock } from '../../test/village/clock.ts'
import { type Random, seeded } from '../../test/village/random.ts'
import { attackSides, spamBound } from './bound.ts'
import { type Case, type Court, openCourt } from './court.ts'
import { degree, type Graph, sidesOf } from './graph.ts'
import { type Carried, type Ledger, openLedger } from './ledger.ts'
import type { ByNeighbours, Cuts, Day, Mail, Outcome, Terms } from './terms.ts'
import { openWays, type Ways } from './way.ts'

const BEGIN = 1_700_000_000_000
/** Between letter and judgement, in the mean; a complaint is valid for seven days. */
const READ_MS = DAY_MS / 2
const LATEST_MS = 6.9 * DAY_MS
const SILENCE_MS = 7 * DAY_MS
/** Ways tried at once: each avoids the links that had no credit before. */
const MOST_WAYS = 8
/** A letter without a way waits an hour, then twice as long each time, up to four; five days in all. A gateway tries again within five minutes. */
const FIRST_WAIT_MS = DAY_MS / 24
const LONGEST_WAIT_MS = DAY_MS / 6
const LIFE_MS = 5 * DAY_MS

type World = {
  terms: Terms
  graph: Graph
  clock: Clock
  random: Random
  ways: Ways
  ledger: Ledger
  court: Court
  /** Letters so far: each has a number. */
  letters: number
  /** L of each side, as it was at the beginning: it only falls. */
  limits: Float64Array
  isAttacker: Uint8Array
  sides: readonly number[]
  outcome: Outcome
}

export const runTrial = (graph: Graph, terms: Terms): Outcome => {
  const started = Date.now()
  const world = openWorld(graph, terms)
  const { clock, outcome, isAttacker } = world
  for (let a = 0; a < graph.size; a++) {
    if (isAttacker[a] === 1) later(world, terms.attackFrom * DAY_MS, () => attack(world, a))
    else writeNext(world, a)
  }
  if (terms.sink !== undefined) writeToSink(world, sinkOf(world), terms.sink)
  for (let day = 1; day <= terms.days; day++) {
    clock.passUntil(BEGIN + day * DAY_MS)
    if (terms.rules.length > 0) world.court.assess(clock.now)
    outcome.days.push(dayOf(world, day))
  }
  outcome.disagreement = world.ledger.disagreement(clock.now)
  outcome.seconds = (Date.now() - started) / 1000
  return outcome
}

const openWorld = (graph: Graph, terms: Terms): World => {
  const random = seeded(terms.seed)
  const isAttacker = place(graph, terms, random)
  const sides = attackSides(graph, isAttacker)
  const mail = (): Mail => ({ sent: 0, atOnce: 0, later: 0, failed: 0 })
  const outcome: Outcome = {
    terms,
    agents: graph.size,
    attackers: isAttacker.reduce((sum, is) => sum + is, 0),
    attackLinks: sides.length,
    honestLinks: honestLinks(graph, isAttacker),
    good: mail(),
    byNeighbours: { '1': mail(), '2': mail(), '3-4': mail(), '5+': mail() },
    toSink: mail(),
    attempts: 0,
    unwanted: 0,
    tolerated: 0,
    forged: 0,
    boundUsed: 0,
    disagreement: 0,
    days: [],
    seconds: 0,
  }
  const ledger = openLedger(graph, terms.weights, BEGIN)
  raise(graph, ledger, terms)
  const clock = openClock(BEGIN)
  const court = openCourt(graph, ledger, isAttacker, terms.rules, BEGIN)
  const ways = openWays(graph, random)
  const limits = ledger.limits.slice()
  return { terms, graph, clock, random, ways, ledger, court, letters: 0, limits, isAttacker, sides, outcome }
}

const raise = (graph: Graph, { limits }: Ledger, { raised }: Terms): void => {
  if (raised === undefined) return
  for (let a = 0; a < graph.size; a++)
    if (degree(graph, a) <= raised.neighbours)
      for (const side of sidesOf(graph, a)) {
        limits[side] = raised.limit
        limits[graph.twin[side] ?? side] = raised.limit
      }
}

const place = (graph: Graph, { attackers, placement }: Terms, random: Random): Uint8Array => {
  const everybody = random.shuffled(Array.from({ length: graph.size }, (_, a) => a))
  if (placement !== 'random')
    everybody.sort((a, b) => (degree(graph, b) - degree(graph, a)) * (placement === 'hubs' ? 1 : -1))
  const are = new Uint8Array(graph.size)
  for (const a of everybody.slice(0, Math.round(attackers * graph.size))) are[a] = 1
  return are
}

const honestLinks = ({ size, first, to }: Graph, isAttacker: Uint8Array): number => {
  let sides = 0
  for (let a = 0; a < size; a++)
    for (let side = first[a] ?? 0; side < (first[a + 1] ?? 0); side++)
      if (isAttacker[a] === 0 && isAttacker[to[side] ?? 0] === 0) sides += 1
  return sides / 2
}

const later = ({ clock }: World, delayMs: number, run: () => void): void => clock.in(delayMs, run)
/** Poisson's: no memory, the mean given. */
const waitOf = ({ random }: World, meanMs: number): number => -Math.log(1 - random.next()) * meanMs
const elapsedDays = ({ clock }: World): number => (clock.now - BEGIN) / DAY_MS

const somebody = ({ graph, random }: World, but: number, isRight: (a: number) => boolean): number => {
  for (;;) {
    const a = random.between(0, graph.size - 1)
    if (a !== but && isRight(a)) return a
  }
}

const sinkOf = (world: World): number => somebody(world, -1, (a) => world.isAttacker[a] === 0)

const writeNext = (world: World, from: number): void =>
  later(world, waitOf(world, DAY_MS / world.terms.perDay), () => {
    const to = somebody(world, from, () => true)
    if (world.isAttacker[to] === 1) writeToAttacker(world, from, to)
    else {
      const mails = [world.outcome.good, world.outcome.byNeighbours[classOf(world, from, to)]]
      send(world, { from, to, at: world.clock.now, mails, falseRate: world.terms.falseRate })
    }
    writeNext(world, from)
  })

const classOf = ({ graph }: World, from: number, to: number): keyof ByNeighbours => {
  const fewer = Math.min(degree(graph, from), degree(graph, to))
  return fewer <= 1 ? '1' : fewer === 2 ? '2' : fewer <= 4 ? '3-4' : '5+'
}

const writeToSink = (world: World, to: number, { perDay, falseRate }: { perDay: number; falseRate: number }): void =>
  later(world, waitOf(world, DAY_MS / perDay), () => {
    const from = somebody(world, to, (a) => world.isAttacker[a] === 0)
    send(world, { from, to, at: world.clock.now, mails: [world.outcome.toSink], falseRate })
    writeToSink(world, to, { perDay, falseRate })
  })

type Letter = { from: number; to: number; at: number; mails: Mail[]; falseRate: number; waitMs?: number }

const send = (world: World, letter: Letter): void => {
  for (const mail of letter.mails) if (letter.waitMs === undefined) mail.sent += 1
  const carried = carry(world, letter.from, letter.to)
  if (carried === undefined) {
    waitForCredit(world, letter)
    return
  }
  for (const mail of letter.mails) mail[letter.waitMs === undefined ? 'atOnce' : 'later'] += 1
  judge(world, came(world, letter, carried), world.random.chance(letter.falseRate))
}

const waitForCredit = (world: World, letter: Letter): void => {
  const waitMs = Math.min(LONGEST_WAIT_MS, 2 * (letter.waitMs ?? FIRST_WAIT_MS / 2))
  if (world.clock.now + waitMs <= letter.at + LIFE_MS) later(world, waitMs, () => send(world, { ...letter, waitMs }))
  else for (const mail of letter.mails) mail.failed += 1
}

/** By a way with credit on every link; each way tried avoids the links that lacked it on the ones before. */
const carry = ({ graph, ways, ledger, clock }: World, from: number, to: number): Carried | undefined => {
  const { now } = clock
  const without = new Set<number>()
  const lacks = (out: number): boolean => !ledger.hasCredit(out, now)
  for (const out of sidesOf(graph, from)) if (lacks(out)) without.add(out)
  if (without.size === degree(graph, from)) return undefined
  for (const side of sidesOf(graph, to)) if (lacks(graph.twin[side] ?? 0)) without.add(graph.twin[side] ?? 0)
  for (let i = 0; i < MOST_WAYS; i++) {
    const way = ways.find(from, to, ledger.isShut, without)
    if (way === undefined) return undefined
    const carried = ledger.carry(way, now)
    if (carried !== undefined) return carried
    for (const out of way.filter(lacks)) without.add(out)
  }
  return undefined
}

/** It is in somebody's mailbox. */
const came = (world: World, { from, to }: { from: number; to: number }, carried: Carried): Case => {
  const one = { key: String(world.letters++), from, to, carried }
  world.court.came(one, world.clock.now)
  return one
}

const complain = ({ ledger, court, clock }: World, one: Case): void => {
  ledger.complain(one.carried, clock.now)
  court.marked(one, clock.now)
}

const judge = (world: World, one: Case, isUnwanted: boolean): void => {
  const { ledger, clock, random } = world
  const readMs = Math.min(LATEST_MS, waitOf(world, READ_MS))
  if (isUnwanted) later(world, readMs, () => complain(world, one))
  else later(world, random.chance(world.terms.silent) ? SILENCE_MS : readMs, () => ledger.want(one.carried, clock.now))
}

const writeToAttacker = (world: World, from: number, to: number): void => {
  const carried = carry(world, from, to)
  if (carried === undefined) return
  if (elapsedDays(world) >= world.terms.attackFrom) {
    world.outcome.forged += 1
    complain(world, came(world, { from, to }, carried))
  } else judge(world, came(world, { from, to }, carried), world.random.chance(world.terms.falseRate))
}

const attack = (world: World, from: number): void => {
  const { outcome, terms, isAttacker, random } = world
  outcome.attempts += 1
  const to = somebody(world, from, (a) => isAttacker[a] === 0)
  const carried = carry(world, from, to)
  if (carried !== undefined) {
    const isUnwanted = random.chance(terms.complainRate)
    if (isUnwanted) countUnwanted(world)
    else outcome.tolerated += 1
    judge(world, came(world, { from, to }, carried), isUnwanted)
  }
  later(world, (DAY_MS / terms.attackPerDay) * (0.5 + random.next()), () => attack(world, from))
}

const countUnwanted = (world: World): void => {
  const { outcome, terms } = world
  outcome.unwanted += 1
  const bound = boundNow(world)
  outcome.boundUsed = Math.max(outcome.boundUsed, outcome.unwanted / bound)
  if (outcome.unwanted > bound)
    throw new Error(`seed ${terms.seed}: ${outcome.unwanted} unwanted by day ${elapsedDays(world)}, bound ${bound}`)
}

const boundNow = (world: World): number => {
  const { limits, ledger, sides, outcome } = world
  return spamBound({ limits, leastWeight: ledger.leastWeight }, sides, outcome.forged, elapsedDays(world))
}

const dayOf = (world: World, day: number): Day => {
  const { unwanted, good } = world.outcome
  const { sent, atOnce, later, failed } = good
  return { day, unwanted, bound: boundNow(world), sent, delivered: atOnce + later, failed, cuts: cutsOf(world) }
}

const cutsOf = ({ court, graph, isAttacker }: World): Cuts => {
  const [attack, honest, back] = [new Set<number>(), new Set<number>(), new Set<number>()]
  for (const { side, ended } of court.cuts) {
    const link = Math.min(side, graph.twin[side] ?? side)
    if (isAttacker[graph.to[side] ?? 0] === 1) attack.add(link)
    else honest.add(link)
    if (ended === 'punished' && isAttacker[graph.to[side] ?? 0] === 0) back.add(link)
  }
  return { attack: attack.size, honest: honest.size, back: back.size }
}

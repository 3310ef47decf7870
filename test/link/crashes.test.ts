/**
 * LINK1 against an adversary who may do everything but know a secret: two agents that dial each other, messages
 * that come late, on connections long given up, or never; and a crash between any two steps. Seeded; a failure
 * names its seed. LINK1_CRASHES says how many crashes: `npm run test:link1` has a million.
 *
 * What an agent keeps in memory (whose turn it is, what it has answered) is gone after a crash; its ratchet is not.
 */
import { expect } from 'chai'
import { advance, judge, type Line, type Pending, prepare, present, settle } from '../../src/link/link1.ts'
import { freshRatchet, OPEN, type Ratchet } from '../../src/link/ratchet.ts'
import type { Arpl, Arsl, Commit, Proceed } from '../../src/wire/link1.ts'
import { type Random, seeded } from '../village/random.ts'

const CRASHES = Number(process.env.LINK1_CRASHES ?? 20_000)
/** Crashes under one seed, so that one that fails is soon run again. */
const PER_SEED = 1000
const MOST = 10

type Agent = { ratchet: Ratchet; turn: Session | undefined }
/** One connection: what is under way on it, and what each side remembers of it until it crashes. */
type Session = {
  guest: Agent
  host: Agent
  line: Line
  /** When the host drew its code word, and when the guest spoke. */
  begun: number
  clock: number
  next:
    | { is: 'hello' | 'aurq' }
    | { is: 'arpl'; arpl: Arpl }
    | { is: 'proceed'; proceed: Proceed }
    | { is: 'commit'; commit: Commit }
    | { is: 'arsl'; arsl: Arsl }
  pending?: Pending
}

type World = {
  random: Random
  now: number
  agents: [Agent, Agent]
  sessions: Session[]
  crashes: number
  links: number
}

const bytes32 = (random: Random): string => Buffer.from(random.id() + random.id(), 'hex').toString('base64url')

const agentOf = (name: string, token: string): Agent => ({
  ratchet: freshRatchet('x', name.repeat(16), token),
  turn: undefined,
})

const found = (seed: number): World => {
  const random = seeded(seed)
  const token = random.chance(0.5) ? OPEN : bytes32(random)
  return { random, now: 1e12, agents: [agentOf('a', token), agentOf('b', token)], sessions: [], crashes: 0, links: 0 }
}

const dial = ({ random, agents, sessions }: World): void => {
  const [guest, host] = random.chance(0.5) ? agents : ([agents[1], agents[0]] as const)
  const line = { ek: Buffer.from(random.id() + random.id(), 'hex'), nonce: '' }
  const session: Session = { guest, host, line, begun: 0, clock: 0, next: { is: 'hello' } }
  guest.turn = session
  sessions.push(session)
}

/** What is under way arrives. @returns whether the session goes on @throws Error on a false alarm */
const arrive = (world: World, session: Session): boolean => {
  const { random, now } = world
  const { guest, host, line, next } = session
  const isGuests = next.is === 'aurq' || next.is === 'proceed' || next.is === 'arsl'
  if (next.is === 'hello') {
    host.turn = session
    line.nonce = bytes32(random)
    session.begun = now
    session.next = { is: 'aurq' }
    return true
  }
  if ((isGuests ? guest : host).turn !== session) return false
  switch (next.is) {
    case 'aurq': {
      session.clock = now
      const proofs = present(guest.ratchet, line, session.clock, MOST)
      const { incarnation } = guest.ratchet
      session.next = {
        is: 'arpl',
        arpl: { agent: '', name: '', software: '', incarnation, clock: session.clock, proofs },
      }
      return true
    }
    case 'arpl': {
      const verdict = judge(host.ratchet, line, next.arpl, bytes32(random), { from: session.begun, until: now })
      if (verdict.is !== 'proceed') throw new Error(`a false alarm: ${verdict.is}`)
      if (random.chance(0.1)) return false // BUSY
      session.pending = verdict.pending
      session.next = { is: 'proceed', proceed: verdict.pending.proceed }
      return true
    }
    case 'proceed': {
      const spell = { from: session.clock, until: now }
      const terms = { proceed: next.proceed, spell, random: bytes32(random), most: MOST }
      const made = prepare(guest.ratchet, line, terms)
      if (made === undefined) throw new Error('a false alarm: the guest does not believe the host')
      guest.ratchet = made.ratchet
      session.next = { is: 'commit', commit: made.commit }
      return true
    }
    case 'commit': {
      if (session.pending === undefined) return false
      const terms = { pending: session.pending, commit: next.commit, most: MOST, now }
      const done = advance(host.ratchet, line, terms)
      if (done === undefined) throw new Error('COMMIT does not hold')
      host.ratchet = done.ratchet
      session.next = { is: 'arsl', arsl: done.arsl }
      return true
    }
    case 'arsl': {
      const settled = settle(guest.ratchet, line, { arsl: next.arsl, incarnation: '', now })
      if (settled === undefined) throw new Error('ARSL does not hold')
      guest.ratchet = settled
      world.links += 1
      return false
    }
  }
}

/** An agent dies and comes back with what it kept; what it said before may still be under way. */
const crash = (world: World): void => {
  const agent = world.agents[world.random.between(0, 1)]
  if (agent === undefined) return
  agent.turn = undefined
  for (const session of world.sessions) if (session.host === agent) delete session.pending
  world.crashes += 1
}

/** Slow, but no slower than the time a hello is waited for. */
const STEP_MS = 200
/** More connections than this are not under way at a time: the oldest is forgotten by the network. */
const UNDER_WAY = 6

const live = (seed: number, crashes: number): World => {
  const world = found(seed)
  const { random, sessions } = world
  while (world.crashes < crashes) {
    world.now += random.between(1, STEP_MS)
    if (sessions.length === 0 || random.chance(0.1)) dial(world)
    if (sessions.length > UNDER_WAY) sessions.shift()
    const at = random.between(0, sessions.length - 1)
    const session = sessions[at]
    if (session && !arrive(world, session)) sessions.splice(at, 1)
    if (random.chance(0.2)) crash(world)
  }
  return world
}

describe('LINK1, with crashes between any two steps', function () {
  this.timeout(3_600_000)

  it(`is never alarmed without a clone: ${CRASHES} crashes`, () => {
    let links = 0
    for (let seed = 0; seed * PER_SEED < CRASHES; seed++)
      try {
        const world = live(seed, PER_SEED)
        links += world.links
        settleDown(world)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    expect(links, 'connections made on the way').to.be.greaterThan(CRASHES / 50)
  })
})

/** When all is quiet they find each other at the first dial. */
const settleDown = (world: World): void => {
  world.sessions.length = 0
  const before = world.links
  dial(world)
  for (const session of world.sessions) while (arrive(world, session)) world.now += 10
  if (world.links === before && !world.random.chance(0.1)) settleDown(world)
}

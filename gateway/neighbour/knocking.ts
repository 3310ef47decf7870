/**
 * Strangers who want to become neighbours, and strangers whom we ask: src/link/knocked.ts decides, this dials and
 * answers. What we asked for is asked again until it is answered: their owner may look days later, and we may be
 * the only one of the two who can dial.
 */
import { isId } from '../../src/address.ts'
import { unlessRefused } from '../../src/effect.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import type { Knock } from '../../src/link/knock.ts'
import type { Reply } from '../../src/link/knocked.ts'
import { isSettled } from '../../src/link/standing.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Link } from '../../src/state.ts'
import { type Knocking as Knocked, type PairAnswer, pairAnswer } from '../../src/wire/pair.ts'
import { sendPair } from '../carry/pair.ts'
import type { Core } from '../core.ts'
import { nameOfAgent } from '../fingerprint.ts'
import { networkOf } from '../throttle.ts'
import { version } from '../version.ts'
import { addressesMet } from './pairing.ts'

/** What came of a wish: a neighbour, or what is kept until it is one. */
export type Outcome = { link: Link } | { knock: Knock }

export type Knocking = {
  list(): Knock[]
  /** Asks whoever answers at the address. @throws Refusal `knock-*`, `link-revoked` if only we are neighbours still, LinkFault */
  knock(address: string, note?: string): Promise<Outcome>
  /**
   * Our owner wants a certain neighbour: by id or words, as compared with its owner; or one who waits.
   *
   * @returns at once; it is dialled beside, and until it answers
   */
  want(who: string, way: Knock['way'], addresses: string[]): Promise<Outcome>
  /**
   * Asks an agent that is reached by relays, by letter from an entity here to one there. @throws Refusal
   */
  pair(agent: string, letter: { as: string; to: string }): Promise<Outcome>
  /** A guest is turned away, or a wish of ours taken back. */
  decline(who: string): Promise<void>
  /** A stranger on the link port asks. @param remote its IP address */
  take(from: string, request: Knocked, remote: string): Promise<PairAnswer & { v: 1 }>
  /** Whether strangers may speak at all: by configuration, or because we asked one. */
  isOpen(now: number): boolean
  /** Asks again where an answer is due. */
  retry(): Promise<void>
}

/** Between two tries: a tenth of the time it has waited already, within these. At first both owners may be on the telephone. */
const SOONEST_MS = 10_000
const LATEST_MS = 3_600_000
/** A letter is on its way meanwhile, and is not lost. */
const LETTER_MS = 15 * 60_000

/** @param isOpen whether strangers may knock: the owner's choice */
export const openKnocking = (core: Core, isOpen: boolean): Knocking => {
  const { self } = core
  const { state } = core.engine
  const lastTry = new Map<string, number>()
  const about = () => ({ v: 1 as const, name: self.name, addresses: self.addresses() })

  const outcomeOf = (who: string): Outcome | undefined => {
    const link = state.links.get(who)
    if (isSettled(link)) return { link }
    const knock = state.knocks.get(who)
    return knock && { knock }
  }
  const raise = async (event: Parameters<Core['engine']['handle']>[0]): Promise<void> =>
    void unlessRefused(await core.engine.handle(event))

  /** @param who an id, or words that whoever answers must have; undefined: anybody */
  const ask = async (address: string, who?: string, note?: string): Promise<Reply> => {
    const request = { ...about(), t: 'KNOCK', software: `vouchsafe ${version}`, ...(note && { note }) }
    const { agent, answer } = await core.link.pair(address, isId(who) ? who : undefined, request)
    if (who !== undefined && who !== agent && who !== fingerprintWords(agent))
      throw new Refusal('agent-mismatch', `the gateway at ${address} has other words: ${fingerprintWords(agent)}`)
    const { t, name, addresses } = pairAnswer(answer)
    return {
      agent,
      said: t === 'LINKED' ? 'linked' : 'pending',
      name: name || nameOfAgent(agent),
      addresses: addressesMet(addresses, address),
    }
  }

  const knock: Knocking['knock'] = async (address, note) => {
    const reply = await ask(address, undefined, note).catch(async (error) => {
      await askAgainAt(address) // a no to everybody is a no to us: whoever we asked there is heard once more
      throw error
    })
    const { agent, name, addresses } = reply
    lastTry.set(agent, core.now())
    await raise({ on: 'wished', wish: { who: agent, way: 'knock', name, addresses } })
    await raise({ on: 'replied', reply })
    const outcome = outcomeOf(agent)
    if (outcome === undefined) throw new Error('a wish was kept a moment ago')
    if ('link' in outcome && reply.said === 'pending')
      throw new Refusal(
        'link-revoked',
        'the gateway there has parted with this one; its owner was asked anew, and `vouchsafe link list` shows when you are connected',
      )
    return outcome
  }

  const askAgainAt = async (address: string): Promise<void> => {
    const there = [...state.knocks.values()].filter((one) => one.at === 'asked' && one.addresses.includes(address))
    await Promise.all(there.map(({ who }) => tell(who, [address])))
  }

  const want: Knocking['want'] = async (who, way, addresses) => {
    await raise({ on: 'wished', wish: { who, way, name: '', addresses } })
    const outcome = outcomeOf(who) ?? outcomeOf(agentOf(who) ?? '')
    if (outcome === undefined) throw new Error('a wish was kept a moment ago')
    const known = 'link' in outcome ? outcome.link : outcome.knock
    void tell('link' in outcome ? outcome.link.agent : outcome.knock.who, known.addresses)
    return outcome
  }
  const agentOf = (words: string): string | undefined =>
    [...state.links.keys()].find((agent) => fingerprintWords(agent) === words)

  const pair: Knocking['pair'] = async (agent, letter) => {
    await raise({ on: 'wished', wish: { who: agent, way: 'web', name: '', addresses: [], letter } })
    const outcome = outcomeOf(agent)
    if (outcome === undefined) throw new Error('a wish was kept a moment ago')
    if ('knock' in outcome) await write(outcome.knock)
    return outcome
  }

  const write = async ({ who, letter }: Knock): Promise<void> => {
    lastTry.set(who, core.now())
    if (letter) await sendPair(core, { ...letter, agent: who, answer: false })
  }

  /** Tries the addresses in turn. What can't be told now is asked again later. */
  const tell = async (who: string, addresses: string[]): Promise<void> => {
    lastTry.set(who, core.now())
    for (const address of addresses)
      try {
        return await raise({ on: 'replied', reply: await ask(address, who) })
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        core.log.info(
          { area: 'link', event: 'knock-unheard', agent: who, address, why },
          'we are not let in, or not heard',
        )
        // Whoever is known by words alone has not shown its key: anybody may have said no in its place.
        if (error instanceof Refusal && error.code === 'knock-refused' && isId(who))
          return raise({ on: 'replied', reply: { agent: who, said: 'refused', name: '', addresses } }).catch(() => {})
      }
  }

  const take: Knocking['take'] = async (from, { name, addresses, software, note }, remote) => {
    const wasKnown = state.knocks.has(from)
    const isAsked = [from, fingerprintWords(from)].some((who) => state.knocks.get(who)?.at === 'asked')
    // The door may be open for somebody else: whoever was invited, or asked.
    if (!isOpen && !isAsked && !isSettled(state.links.get(from)))
      throw new Refusal('link-unknown', 'you are not a neighbour here')
    const guest = {
      agent: from,
      place: placeOf(remote),
      name: name || nameOfAgent(from),
      addresses,
      ...(software && { software }),
      ...(note && { note }),
    }
    await raise({ on: 'knocked', guest })
    const isNow = isSettled(state.links.get(from))
    const who = { agent: from, name: guest.name, words: fingerprintWords(from) }
    if (!isNow && !wasKnown)
      core.log.info({ event: 'knocked', ...who, remote }, 'a stranger asks to become a neighbour')
    return { ...about(), t: isNow ? 'LINKED' : 'PENDING' }
  }

  const retry = async (): Promise<void> => {
    const now = core.now()
    const asked = [...state.knocks.values()].filter(
      (one) => one.at === 'asked' && (one.letter || one.addresses.length > 0),
    )
    const due = asked.filter(({ who, since, letter }) => {
      const pausedMs = now - (lastTry.get(who) ?? 0)
      return pausedMs >= pauseMs(now - since, letter) || pausedMs < 0 // the clock was set back
    })
    for (const who of lastTry.keys()) if (!state.knocks.has(who)) lastTry.delete(who)
    await Promise.all(due.map((one) => (one.letter ? write(one) : tell(one.who, one.addresses))))
  }

  return {
    list: () => [...state.knocks.values()].filter(({ until }) => until > core.now()),
    knock,
    want,
    pair,
    decline: (who) => raise({ on: 'declined', who }),
    take,
    isOpen: (now) => isOpen || [...state.knocks.values()].some((one) => one.at === 'asked' && one.until > now),
    retry,
  }
}

const pauseMs = (waitedMs: number, letter: Knock['letter']): number =>
  Math.min(LATEST_MS, Math.max(letter ? LETTER_MS : SOONEST_MS, waitedMs / 10))

/** Shown to the owner, too: so it says what it is. */
export const placeOf = (remote: string): string => {
  const network = networkOf(remote)
  return network.includes(':') ? `${network}::/64` : network
}

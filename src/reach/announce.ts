/**
 * Where agents can be dialled (protocol §5): what we say of ourselves, what neighbours say of
 * themselves, and how one that changed its address is found again.
 *
 *   we: linked, unlinked, half an hour ──announce──> every neighbour that is connected
 *   a neighbour's word ──announced──> kept, if it is newer ──> dialled there
 *   nobody answers ──missed──> those it was last linked with are asked ──where──> its newer word
 *
 * A REACH is signed by the agent it tells of and made for one reader. Whoever asks a common neighbour
 * shows the last one made for itself (the *pass*): so an agent is told of only to those it has told of
 * itself, and nobody learns who else is whose neighbour by asking. Times are epoch ms.
 */
import { type Effect, nothing, refuse, type Step } from '../effect.ts'
import { isLinked } from '../link/standing.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Change, Link, State } from '../state.ts'
import type { ReachRecord } from '../wire/record.ts'
import type { Bad, Reach, Said } from './reach.ts'

/** Longest life of an announcement, and what ours have: as long as a directory keeps it. */
export const REACH_LIFE_MS = 48 * 3_600_000
/** Clocks that differ by this much still believe each other: a wrong time zone must not cut anybody off. */
const CLOCK_SLACK_MS = 86_400_000
/** A pass older than this opens nothing: whoever has not heard from an agent for so long may be its neighbour no more. */
const PASS_LIFE_MS = 30 * 86_400_000
/** Most names in one announcement (MAX_VIA in wire/record.ts bounds what is read). */
const VIA_TOLD = 32
const MET_MAX = 64
/** Common neighbours asked at a time; the next time it is others' turn. */
const ASKED_AT_ONCE = 3
/** Between two questions for the same neighbour, doubled each time: it may be back at its new address in a moment, or in weeks. */
const ASK_FIRST_MS = 5_000
const ASK_LAST_MS = 10 * 60_000
/** Where a stranger answered nobody is dialled for so long, unless it is announced anew. */
const WRONG_KEY_MS = 3_600_000

/** We tell of ourselves: a new `seq`, and all who are connected hear it. */
export const announce = (state: State, addresses: string[], now: number): Step => {
  const up = [...state.links.values()].filter(isUp).map(({ agent }) => agent)
  const was = state.reaches.get(state.me)
  const seq = Math.max(now, (was?.seq ?? 0) + 1) // the clock may have gone back
  const row: Reach = {
    agent: state.me,
    addresses,
    via: turned(up.toSorted(), seq).slice(0, VIA_TOLD),
    seq,
    expires: now + REACH_LIFE_MS,
    met: [],
    bad: [],
  }
  return { changes: [{ put: 'reach', row }], effects: up.map((to): Effect => ({ do: 'announce', to })) }
}

const isUp = (link: Link | undefined): boolean => isLinked(link) && link.up

/** Of many neighbours others are named each time. */
const turned = <T>(all: T[], by: number): T[] => {
  const first = all.length === 0 ? 0 : by % all.length
  return [...all.slice(first), ...all.slice(0, first)]
}

/** A neighbour's own word, from itself or from somebody whom we asked: it proves itself, whoever brings it. */
export const announced = (state: State, from: string, said: Said, now: number): Step => {
  const link = state.links.get(said.by)
  if (!isLinked(link)) return refuse('link-unknown', 'this agent is no neighbour here')
  if (said.by === from && said.for !== state.me)
    return refuse('agent-mismatch', 'this announcement was made for somebody else')
  const late = untimely(said, now)
  if (late)
    return refuse(late, 'an announcement holds 48 hours at most, and this one is over or comes from a wrong clock')
  const was = state.reaches.get(said.by)
  if (was && said.seq < was.seq) return refuse('reach-outdated', 'a later announcement of this agent is known')
  const isRepeat = was !== undefined && said.seq === was.seq
  if (isRepeat && (said.for !== state.me || was.pass === said.jws)) return nothing
  if (isRepeat) return put({ ...was, pass: said.jws })
  const { addresses, via, seq, expires, jws } = said
  const pass = said.for === state.me ? jws : was?.pass
  const met = [...new Set([...via, ...(was?.met ?? [])])].filter((agent) => agent !== state.me).slice(0, MET_MAX)
  const row: Reach = { agent: said.by, addresses, via, seq, expires, record: jws, ...(pass && { pass }), met, bad: [] }
  return { changes: [{ put: 'reach', row }], effects: [...moved(said, was, link), ...foundBy(state, said, was)] }
}

/** Only other addresses are worth a line, than those of the pairing too; those that were left alone are tried anew all the same. */
const moved = ({ by, addresses }: Said, was: Reach | undefined, link: Link): Effect[] => {
  const isMoved = String(was?.addresses) !== String(addresses)
  const isAsMet = was === undefined && String(link.addresses) === String(addresses)
  const detail = addresses.join(' ') || 'it only dials'
  return [
    ...(isMoved && !isAsMet ? [{ do: 'log', event: 'neighbour-moved', to: by, detail } as const] : []),
    ...(isMoved || was?.bad.some(({ why }) => why === 'wrong-key') ? [{ do: 'redial' } as const] : []),
  ]
}

/**
 * Whom it is linked with since: some of those we have lost, so it has heard from them a moment ago. Only of whom they have
 * spoken themselves: by naming others in its `via` it could have their announcements shown to it.
 */
const foundBy = (state: State, { by, via }: Said, was: Reach | undefined): Effect[] =>
  via
    .filter((agent) => !was?.via.includes(agent))
    .flatMap((agent): Effect[] => {
      const [link, lost] = [state.links.get(agent), state.reaches.get(agent)]
      if (!isLinked(link) || link.up || !isUp(state.links.get(by))) return []
      if (lost?.pass === undefined || !lost.met.includes(by)) return []
      return [{ do: 'where', agent, to: by, pass: lost.pass }]
    })
    .slice(0, ASKED_AT_ONCE)

/** Over, or of a longer life than any may have: by the clock of whoever reads it. */
export const untimely = ({ expires }: ReachRecord, now: number): RefusalCode | undefined => {
  if (expires <= now) return 'expired'
  return expires > now + REACH_LIFE_MS + CLOCK_SLACK_MS ? 'record-malformed' : undefined
}

/** A dial failed. The others who were linked with it of late may know more, and so may directories. */
export const missed = (state: State, agent: string, address: string, why: Bad['why'], now: number): Step => {
  const link = state.links.get(agent)
  if (!isLinked(link) || link.up) return nothing
  const was = state.reaches.get(agent) ?? blank(agent)
  const isMarked = was.bad.some((one) => one.address === address && one.why === why && !isOver(one, now))
  const isAsking = isAskDue(was, now)
  if (isMarked && !isAsking) return nothing
  const bad = isMarked ? was.bad : [...was.bad.filter((one) => one.address !== address), { address, since: now, why }]
  const common = was.met.filter((one) => isUp(state.links.get(one)))
  const asked = turned(common, (was.asked?.times ?? 0) * ASKED_AT_ONCE)
  const { pass } = was
  const where: Effect[] =
    pass === undefined ? [] : asked.slice(0, ASKED_AT_ONCE).map((to) => ({ do: 'where', agent, to, pass }))
  const row: Reach = { ...was, bad, ...(isAsking && { asked: { times: (was.asked?.times ?? 0) + 1, at: now } }) }
  return {
    changes: [{ put: 'reach', row }],
    effects: [
      ...(isAsking ? [...where, { do: 'look-up', agent } as const] : []),
      ...(why === 'wrong-key' ? [{ do: 'redial' } as const] : []),
    ],
  }
}

const isAskDue = ({ asked }: Reach, now: number): boolean => {
  if (asked === undefined || now < asked.at) return true
  return now - asked.at >= Math.min(ASK_LAST_MS, ASK_FIRST_MS * 2 ** (asked.times - 1))
}

/** A neighbour looks for somebody both know: it shows that it is told of by them, and hears what is newer. */
export const where = (state: State, from: string, pass: Said, now: number): Step => {
  if (pass.for !== from) return refuse('agent-mismatch', 'this announcement was made for somebody else')
  if (pass.seq + PASS_LIFE_MS <= now)
    return refuse('expired', 'whoever has this announcement has not heard from it for long')
  const link = state.links.get(pass.by)
  const known = state.reaches.get(pass.by)
  if (!isLinked(link) || known?.record === undefined) return nothing
  if (known.seq <= pass.seq || known.expires <= now) return nothing
  return { changes: [], effects: [{ do: 'tell', to: from, message: { t: 'REACH', record: known.record } }] }
}

/** Where to dial a neighbour, in order: what it says last, then where it was when we met. */
export const addressesOf = (state: State, agent: string, now: number): string[] => {
  const met = state.links.get(agent)?.addresses ?? []
  const reach = state.reaches.get(agent)
  if (reach === undefined) return met
  if (reach.record !== undefined && reach.addresses.length === 0) return [] // its own word: it only dials
  const wrong = reach.bad.filter((one) => one.why === 'wrong-key' && !isOver(one, now)).map(({ address }) => address)
  return [...new Set([...reach.addresses, ...met])].filter((address) => !wrong.includes(address))
}

const isOver = (bad: Bad, now: number): boolean =>
  bad.why === 'wrong-key' && (now - bad.since >= WRONG_KEY_MS || now < bad.since)

/** Somebody who has announced nothing yet. */
const blank = (agent: string): Reach => ({ agent, addresses: [], via: [], seq: 0, expires: 0, met: [], bad: [] })

const put = (row: Reach): Step => ({ changes: [{ put: 'reach', row } satisfies Change], effects: [] })

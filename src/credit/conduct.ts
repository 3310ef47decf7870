/**
 * How a neighbour behaves, from the complaints about what came over its link: the two rules by which a
 * link is suspended. One cuts only one's own link, by what one has seen oneself.
 *
 *   R1  the mean of eighteen daily samples of max(0, D)/L is above 0.6, on a link at least as old;
 *       of D no single source counts for more than L/2
 *   R2  at least 5 complaints from at least 3 sources (or as many as we have other links, if those are fewer,
 *       and one of them such a link), and the lower end of
 *       Wilson's interval for complaints/messages is above 10 %; 5 a day count from one source, and
 *       none of a recipient who complains about nearly everything (critic.ts); never our only link
 *
 * A *source* is the neighbour of ours that the complaint came over, or an entity here that made it.
 * So none of them alone has a link cut, but where there is one other link: an inviter with one other link must be able
 * to cut a spammer whom all know to be one over it. Whoever lives here is a source beside them, and not one that must
 * have complained; nor is it enough that they alone did, unless they are three: one person's gestures part nobody
 * from a relay.
 *
 * What R2 adds to R1 and to the limit: D <= L bounds what a neighbour costs, and R1 ends a link that stays near its
 * limit for weeks. Where the owner has raised L, or weights were earned, much may come before either is reached; R2
 * looks at the share of it that is unwanted, and acts the same day. With the limit of 3 it hardly ever does: five
 * complaints take a week there. Over its only link a gateway gets all there is, the spam of the whole
 * web with it: that says nothing about the neighbour, which pays for it and hands the complaints on to whoever can
 * tell the spammer from the others; and to cut it is to leave the web, which is for the owner to decide.
 */
import { type Credit, DAY_MS, debtAt, keptAfter, messagesIn } from './credit.ts'
import { wilsonLower } from './wilson.ts'

/** One complaint: when it was signed, over whom it came, about which message, and who had handed that to the neighbour. */
export type Mark = { at: number; via: string; key: string; before: string; counts: boolean }
export type Conduct = { marks: Mark[]; loads: number[]; sampledAt: number }

/** What a rule found: kept with the decision, so that it can be explained. */
export type Finding = {
  rule: 'R1' | 'R2'
  debt: number
  limit: number
  /** The daily samples, oldest first, and their mean. */
  loads: number[]
  load: number
  complaints: number
  sources: number
  messages: number
  /** Lower end of the interval for complaints/messages. */
  rate: number
}

/** Complaints older than this weigh less than 0.06 and say little about today. */
const MARKS_MS = 28 * DAY_MS
/** As many as the highest limit an owner can set. */
const MARKS_MAX = 1000
/**
 * So many that a limit used up on one day and then left alone is no reason to cut: a tenth of a debt decays each day, so
 * the mean of seven days is 0.745 of it, that of twelve 0.598, and that of eighteen 0.472. docs/simulation.md compares
 * them: with fewer than sixteen a web of rings loses more than half a per cent of its honest links.
 */
const SAMPLES = 18
const R1_LOAD = 0.6
export const R1_AGE_MS = SAMPLES * DAY_MS
const R2_COMPLAINTS = 5
const R2_SOURCES = 3
const R2_RATE = 0.1
const R2_A_DAY = 5

export const newConduct = (): Conduct => ({ marks: [], loads: [], sampledAt: 0 })

export const marked = (conduct: Conduct, mark: Mark, now: number): Conduct => ({
  ...conduct,
  marks: [...conduct.marks.filter((one) => one.at > now - MARKS_MS && one.key !== mark.key), mark].slice(-MARKS_MAX),
})

export const unmarked = (conduct: Conduct, key: string): Conduct => ({
  ...conduct,
  marks: conduct.marks.filter((one) => one.key !== key),
})

/** Takes today's sample, if the last is a day old. */
export const sampled = (conduct: Conduct, credit: Credit, limit: number, now: number): Conduct =>
  now - conduct.sampledAt < DAY_MS
    ? conduct
    : { ...conduct, sampledAt: now, loads: [...conduct.loads, loadOf(conduct, credit, limit, now)].slice(-SAMPLES) }

/** max(0, D)/L of what was complained about since the link is in its state, with no single source above L/2. */
const loadOf = ({ marks }: Conduct, credit: Credit, limit: number, now: number): number => {
  const parts = new Map<string, number>()
  for (const { via, at } of marks) parts.set(via, (parts.get(via) ?? 0) + keptAfter(now - at))
  let counted = 0
  for (const part of parts.values()) counted += Math.min(part, limit / 2)
  return Math.max(0, Math.min(debtAt(credit, now), counted)) / limit
}

/**
 * `since`: when the link came into its present state. `others`: how many links we have beside it. `isLink`: whether a
 * source is a neighbour, or somebody here.
 */
type Bounds = { limit: number; since: number; others: number; isLink(via: string): boolean }

export const judge = (
  conduct: Conduct,
  credit: Credit,
  { limit, since, others, isLink }: Bounds,
  now: number,
): Finding | undefined => {
  const { loads } = conduct
  const load = loads.length === 0 ? 0 : loads.reduce((sum, one) => sum + one, 0) / loads.length
  const counted = countedMarks(conduct, Math.max(since, now - MARKS_MS))
  const from = new Set(counted.map(({ via }) => via))
  const messages = messagesIn(credit.theirs, now)
  const rate = wilsonLower(Math.min(counted.length, messages), messages)
  const seen = {
    debt: debtAt(credit, now),
    limit,
    loads,
    load,
    complaints: counted.length,
    sources: from.size,
    messages,
    rate,
  }
  if (loads.length === SAMPLES && load > R1_LOAD && now - since >= R1_AGE_MS) return { rule: 'R1', ...seen }
  const isMany = counted.length >= R2_COMPLAINTS && areEnough([...from], others, isLink)
  return isMany && rate > R2_RATE ? { rule: 'R2', ...seen } : undefined
}

const areEnough = (from: string[], others: number, isLink: Bounds['isLink']): boolean =>
  others > 0 && (from.length >= R2_SOURCES || (from.length >= others && from.some(isLink)))

const countedMarks = ({ marks }: Conduct, since: number): Mark[] => {
  const today = new Map<string, number>()
  return marks.filter(({ at, via, counts }) => {
    if (!counts || at < since) return false
    const day = `${via} ${Math.floor(at / DAY_MS)}`
    const before = today.get(day) ?? 0
    today.set(day, before + 1)
    return before < R2_A_DAY
  })
}

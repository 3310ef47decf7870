/**
 * The web's one door: an event meets what this agent holds, and leaves as changes and effects.
 *
 * Every event may come twice and out of turn; the second time is harmless. Signatures were
 * verified before the event was made. `step` changes nothing itself: `apply` (apply.ts) does.
 */
import { domainOf, targetOfAddress } from './address.ts'
import { judged } from './complaint/judging.ts'
import { complained, wantedThere } from './complaint/passing.ts'
import { allowed, pardoned, reproached } from './complaint/repute.ts'
import { arrived } from './custody/arrival.ts'
import { giveUp, holdBack, letGo, retry } from './custody/by-hand.ts'
import { accepted, rejected, unreachable } from './custody/handing.ts'
import { released } from './custody/hold.ts'
import { lodged, post } from './custody/lodge.ts'
import { sealed, submitted, unsealable } from './custody/origin.ts'
import { acknowledged, due, reported, seek } from './custody/returning.ts'
import { nothing, refuse, type Step } from './effect.ts'
import type { Event } from './event.ts'
import { seen } from './link/absence.ts'
import { alarmed, ownerSeen, thawed } from './link/alarm.ts'
import { greet, hopeful, linked, settled, soughtBy, vouched } from './link/become.ts'
import { declined, forgetKnocks, knocked, replied, wished } from './link/knocked.ts'
import { moved } from './link/moved.ts'
import { revocationsFor, revoked } from './link/revoked.ts'
import { accused, repented, restated, stated } from './link/sentence.ts'
import { isLinked } from './link/standing.ts'
import { assess, overruled, punished } from './link/suspending.ts'
import { announce, announced, missed, where } from './reach/announce.ts'
import { expiring } from './report/expiring.ts'
import { letterHome } from './report/letter.ts'
import { ask, ringTimeout } from './route/ask.ts'
import { blame, forgetBlame } from './route/blame.ts'
import { dropped, dropWays } from './route/cache.ts'
import { answered, exhausted, forget, wakeFor } from './route/discover.ts'
import { failed } from './route/failed.ts'
import { asked } from './route/relay.ts'
import type { Account, Change, State } from './state.ts'
import { sorted, trusted } from './trust/contact.ts'
import { forgetHouseholds } from './trust/household.ts'

export const step = (state: State, event: Event, now: number): Step => {
  const made = post(state, decide(state, event, now), now)
  const woken = made.changes.flatMap((change) =>
    'put' in change && change.put === 'credit' && hasRoom(state.credits.get(change.agent), change.row)
      ? [{ do: 'wake', awaits: `credit:${change.agent}`, most: WOKEN } as const]
      : [],
  )
  return woken.length === 0 ? made : { ...made, effects: [...made.effects, ...woken] }
}

/** As many as one judgement may make room for; the others have their own time. */
const WOKEN = 8

/** Whether a neighbour may take more from us than before, as far as we know. */
const hasRoom = (was: Account | undefined, row: Account): boolean =>
  was !== undefined &&
  (row.ours.pending < was.ours.pending || (row.books?.heard?.limit ?? 0) > (was.books?.heard?.limit ?? 0))

const taken = (made: Step, waited: number | undefined): Step =>
  waited === undefined ? made : { ...made, changes: [...made.changes, { taken: waited }] }

const decide = (state: State, event: Event, now: number): Step => {
  switch (event.on) {
    case 'submitted':
      return taken(submitted(state, event.submission, event.here, now), event.waited)
    case 'trusted':
      return trusted(state, event.contact)
    case 'reproached':
      return reproached(state, event.entity, event.reproach, now)
    case 'pardoned':
      return pardoned(state, event.entity, event.key, event.by)
    case 'answer':
      return { changes: [letterHome({ ...event.letter, gateway: state.domain, now })], effects: [] }
    case 'allowed':
      return allowed(state, event.entity)
    case 'sorted':
      return sorted(state, event.sorting)
    case 'arrived':
      return arrived(state, event.arrival, now)
    case 'judged':
      return judged(state, event.judgement, now)
    case 'complained':
      return complained(state, event.from, event.complaint, now)
    case 'wanted':
      return wantedThere(state, event.from, event.key, event.permit, now)
    case 'reported':
      return reported(state, event.from, event.key, event.reports, now)
    case 'who':
      return asked(state, event.from, event.who, state.targets.get(event.who.target), now)
    case 'none':
      return exhausted(state, event.from, event.qid, event.cut, now)
    case 'path':
      return answered(state, event.from, event.path, now)
    case 'announced':
      return announced(state, event.from, event.said, now)
    case 'where':
      return where(state, event.from, event.pass, now)
    case 'announce':
      return announce(state, event.addresses, now)
    case 'missed':
      return missed(state, event.agent, event.address, event.why, now)
    case 'failed':
      return failed(state, event.from, event.failure, now)
    case 'sealed':
      return sealed(state, event.key, event.envelope, event.body, now)
    case 'unsealable':
      return unsealable(state, event.key, event.code, now)
    case 'accepted':
      return accepted(state, event.key, event.by, event.receipt, now)
    case 'rejected':
      return rejected(state, event.key, event.by, event.code, now)
    case 'unreachable':
      return unreachable(state, event.key, event.by, event.why, now)
    case 'lodged':
      return lodged(state, event.key, event.answer, now)
    case 'released':
      return released(state, event.key, event.body, now)
    case 'posted':
      return { changes: [{ drop: 'posted', id: event.id }], effects: [] }
    case 'silent':
      return blame(state, event.agent, 'silent', now)
    case 'acknowledged':
      return acknowledged(state, event.owed, event.items)
    case 'search':
      return ask(
        state,
        {
          target: event.target,
          seed: event.seed,
          without: event.without ?? [],
          isAgain: event.isAgain === true,
        },
        now,
      )
    case 'linked':
      return linked(state, event.link)
    case 'knocked':
      return knocked(state, event.guest, now)
    case 'wished':
      return wished(state, event.wish, now)
    case 'replied':
      return replied(state, event.reply, now)
    case 'declined':
      return declined(state, event.who)
    case 'moved':
      return moved(state, event.move, now)
    case 'revoked':
      return revoked(state, event.from, event.word, now)
    case 'unlinked':
      return unlinked(state, event.agent, now)
    case 'vouched':
      return vouched(state, event.agent, now)
    case 'accused':
      return accused(state, event.from, event.accusation, now)
    case 'punished':
      return punished(state, event.from, event.cut, now)
    case 'stated':
      return stated(state, event.from, event.said, now)
    case 'overruled':
      return overruled(state, event.agent, now)
    case 'assess':
      return assess(state, now)
    case 'limited':
      return limited(state, event.agent, event.limit, now)
    case 'alarm':
      return alarmed(state, event.agent, event.alarm, now)
    case 'thawed':
      return thawed(state, event.agent)
    case 'owner':
      return ownerSeen(state, event.agent, event.owner, now)
    case 'up':
      return connected(state, event.agent, true, now)
    case 'down':
      return connected(state, event.agent, false, now)
    case 'owing':
      return { changes: [], effects: [{ do: 'settle', to: event.agent }] }
    case 'due':
      return due(state, event.key, now)
    case 'seek':
      return seek(state, event.key, now)
    case 'ring':
      return ringTimeout(state, event.qid, now)
    case 'clear':
      return clear(state, event.submission, now)
    case 'lapsed':
      return lapsed(state, event.owed, now)
    case 'expiring':
      return expiring(state, event.entity, event.ends, now)
    case 'sweep':
      return sweep(state, now)
    case 'retry':
      return retry(state, event.key, now)
    case 'held-back':
      return holdBack(state, event.key)
    case 'let-go':
      return letGo(state, event.key, now)
    case 'given-up':
      return giveUp(state, event.key, now)
    case 'forgotten':
      return forgetKnown(state, event.address)
  }
}

/** What the SMTP edge may answer to RCPT without asking anybody. */
export const whereIs = (
  state: State,
  address: string,
  now: number,
): 'here' | 'known' | 'missing' | { target: string } => {
  if (state.addresses.has(address)) return 'here'
  if (state.domains.has(domainOf(address))) return 'missing'
  const known = state.known.get(state.knownAt.get(address) ?? '')
  return known !== undefined && known.expires > now ? 'known' : { target: targetOfAddress(address) }
}

const unlinked = (state: State, agent: string, now: number): Step => {
  const was = state.links.get(agent)
  if (was === undefined) return nothing
  const marks = state.credits.get(agent)?.conduct?.marks ?? []
  const repent = repented(
    state,
    agent,
    marks.map(({ key }) => key),
    now,
  )
  return {
    changes: [
      { put: 'link', row: { ...was, state: 'revoked', up: false, ...(isLinked(was) && { stateSince: now }) } },
      { drop: 'reach', agent },
      ...settled(state, agent),
      ...repent.changes,
    ],
    effects: repent.effects,
  }
}

const limited = (state: State, agent: string, limit: number, now: number): Step => {
  const was = state.links.get(agent)
  return was ? restated(state, { ...was, limit }, now) : nothing
}

/**
 * A neighbour that connects gets what has waited for it, and what it is owed; also one that was
 * thought connected: it may be back before we noticed that it had gone.
 */
const connected = (state: State, agent: string, up: boolean, now: number): Step => {
  const was = state.links.get(agent)
  if (was === undefined) return nothing
  const changes: Change[] = was.up === up ? [] : [{ put: 'link', row: seen(was, up, state.terms.hopMs, now) }]
  return {
    changes: up ? [...changes, ...hopeful(state)] : changes,
    effects: up ? [...greet(agent), ...soughtBy(state, was, now), ...revocationsFor(state, agent, now)] : [],
  }
}

/** A finished message leaves Outgoing; its custody rows keep the trail until they are forgotten. */
const clear = (state: State, id: string, now: number): Step => {
  const row = state.submissions.get(id)
  if (row === undefined || row.clearAt === null || now < row.clearAt) return nothing
  return {
    changes: [
      { outgoing: id, account: row.account, stage: 'cleared' },
      { drop: 'submission', id },
    ],
    effects: [],
  }
}

/** Reports that nobody remembers the envelope of any more are owed no longer. */
const lapsed = (state: State, key: string, now: number): Step => {
  const row = state.owed.get(key)
  return row !== undefined && row.expires <= now ? { changes: [{ drop: 'owed', key }], effects: [] } : nothing
}

/** Queries, routes and strangers past their time; all are held whole. */
const sweep = (state: State, now: number): Step => {
  const { changes, effects } = forget(state, now)
  const routes = [...state.routes.values()].flat().filter((route) => route.expires <= now)
  const sought = [...state.missing].filter(([, until]) => until <= now)
  const hopes = sought.map(([target]): Change => ({ note: { of: 'hope', target } }))
  const others = [...hopes, ...forgetBlame(state, now), ...forgetKnocks(state, now), ...forgetHouseholds(state, now)]
  return { changes: [...changes, ...routes.map(dropped), ...others], effects }
}

/** A person has said that the key known for an address is not theirs: it is found anew, whosever it is then. */
const forgetKnown = (state: State, address: string): Step => {
  const known = state.known.get(state.knownAt.get(address) ?? '')
  if (known === undefined) return refuse('address-unknown', `nobody is known at ${address}`)
  const { entity } = known
  return {
    changes: [{ drop: 'known', entity }, ...dropWays(state, entity)],
    effects: [{ do: 'log', event: 'forgotten', detail: `${address}: ${entity}` }, ...wakeFor(known)],
    answer: { say: 'done' },
  }
}

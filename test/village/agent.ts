/**
 * One agent of the village: the decisions of src/ with the least around them. What is durable
 * outlives a crash; work under way, searches and what is known of links do not.
 *
 * As in the gateway, a decision sees only the rows it named in `needs`, the changes of a step are
 * kept together or not at all, answers leave after that, and effects are performed later, one by
 * one, in any order: a crash may come between any two.
 */

import { apply } from '../../src/apply.ts'
import type { Entry } from '../../src/complaint/verdict.ts'
import { type Custody, dueAt } from '../../src/custody/custody.ts'
import type { Stage, Submission } from '../../src/custody/submission.ts'
import type { Answer, Effect } from '../../src/effect.ts'
import { chainHash, partsOfKey } from '../../src/envelope/envelope.ts'
import type { Event } from '../../src/event.ts'
import { type Needs, needs, needsOf } from '../../src/needs.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Item } from '../../src/report/owed.ts'
import { silentOne } from '../../src/route/blame.ts'
import { type Change, type Delivery, emptyState, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type PathMessage,
  rerrRecord,
  revokedRecord,
  statementRecord,
} from '../../src/wire/record.ts'
import type { Call, Carrier, End, Reply } from './carrier.ts'
import type { Clock } from './clock.ts'
import type { Notary } from './notary.ts'
import {
  hashOf,
  isReceipt,
  openSealed,
  pairIn,
  permitBy,
  readChain,
  readComplaint,
  readPath,
  readReach,
  readReports,
  showsReceipt,
} from './papers.ts'
import type { Random } from './random.ts'

export type Letter = Delivery & { text: string; at: number }

export type Agent = End & {
  id: string
  state: State
  /** Every message in every mailbox here, in the order it came. */
  mail: Letter[]
  /** How each envelope ended here, remembered longer than the agent itself does. */
  ends: Map<string, Custody>
  /** What Outgoing shows, and all it has shown, by submission. */
  outgoing: Map<string, (Stage | 'cleared')[]>
  /** What is kept of complaints, by custody key. */
  complaints: Map<string, Entry>
  /** Cards of the entities here. */
  cards: Map<string, string>
  raise(event: Event, answered?: (answer: Answer) => void): void
  keepBody(text: string): number
  bodyOf(body: number): string
  /** Writes the answer to a PAIR letter; whoever tests them says how. */
  answersPair(effect: Extract<Effect, { do: 'pair' }>): void
  crash(): void
  start(): void
}

export type World = { clock: Clock; carrier: Carrier; random: Random; notary: Notary; trouble: Trouble }
/** How often, while the trouble lasts, an agent dies at a commit, and an event comes twice. */
export type Trouble = { crash: number; echo: number; onCrash(agent: string): void }

/** The engine's clock looks this often; a retry may be so late. */
const TICK_MS = 500
/** No row has reason to be looked at more often in all its life: this one is spinning. */
const MOST_LOOKS = 3000

export const openAgent = (world: World, id: string, domain: string, terms: State['terms']): Agent => {
  const { clock, carrier, random, notary, trouble } = world
  const state = emptyState(id, domain, [], terms)
  const bodies = new Map<number, string>()
  const looks = new Map<string, number>()
  const proofs = new Map<string, string>()
  let life = 0 // 0: dead; else the number of this life, so that an earlier one's work is left undone
  let lives = 0
  let lanes = new Map<string, 'busy' | 'again'>()

  const later = (delayMs: number, run: () => void) => {
    const mine = life
    clock.in(delayMs, () => {
      if (life === mine) run()
    })
  }

  const raise: Agent['raise'] = (event, answered) => {
    if (life === 0) return
    if (!isOnce(event) && random.chance(trouble.echo)) later(random.between(1, 30_000), () => raise(event))
    const { changes, effects, answer } = step(narrowed(state, event), event, clock.now)
    if (random.chance(trouble.crash)) return trouble.onCrash(id) // nothing was kept, nothing is answered
    for (const change of changes) keep(change)
    if (random.chance(trouble.crash)) return trouble.onCrash(id) // all was kept, nobody hears of it
    answered?.(answer ?? { say: 'done' })
    for (const effect of effects) later(pause(), () => perform(effect))
  }

  /** A busy machine takes its time. */
  const pause = () => (random.chance(trouble.echo / 2) ? random.between(1000, 30_000) : random.between(1, 20))

  const keep = (change: Change) => {
    apply(state, change)
    if ('deliver' in change) {
      const { body } = change.deliver
      const text = typeof body === 'number' ? bodyOf(body) : body.letter.toString()
      agent.mail.push({ ...change.deliver, text, at: clock.now })
    }
    if ('outgoing' in change) {
      const shown = agent.outgoing.get(change.outgoing) ?? []
      agent.outgoing.set(change.outgoing, [...shown, change.stage])
    }
    if ('put' in change && change.put === 'custody') {
      watch(change.row)
      if (change.row.state === 'done') agent.ends.set(change.row.key, change.row)
    }
    if ('put' in change && change.put === 'submission') watchSubmission(change.row)
    if ('put' in change && change.put === 'route' && change.proof) proofs.set(change.row.key, change.proof)
    if ('put' in change && change.put === 'complaint') agent.complaints.set(change.row.key, change.row)
  }

  const bodyOf = (body: number): string => {
    const text = bodies.get(body)
    if (text === undefined) throw new Error('a decision names a body that nobody stored')
    return text
  }

  const keepBody = (text: string): number => {
    bodies.set(bodies.size + 1, text)
    return bodies.size
  }

  /** The engine's clock: `due` when the time has come that the row names, if it still names it. */
  const watch = (row: Custody) =>
    later(dueAt(row) - clock.now + random.between(1, TICK_MS), () => {
      if (state.custody.get(row.key) !== row) return
      const seen = (looks.get(row.key) ?? 0) + 1
      looks.set(row.key, seen)
      if (seen > MOST_LOOKS) throw new Error(`an envelope in state ${row.state} spins at ${row.role}`)
      raise({ on: 'due', key: row.key })
      if (life !== 0 && state.custody.get(row.key) === row)
        throw new Error(`${row.state} at ${row.role}: due changes nothing`)
    })

  const watchSubmission = ({ id: submission, clearAt }: Submission) => {
    if (clearAt !== null) later(clearAt - clock.now + TICK_MS, () => raise({ on: 'clear', submission }))
  }

  /** One piece of work at a time under each name; asked for meanwhile, it is done once more afterwards. */
  const inLane = (name: string, work: (done: () => void) => void) => {
    if (lanes.has(name)) return void lanes.set(name, 'again')
    lanes.set(name, 'busy')
    let isDone = false
    const mine = life
    work(() => {
      if (isDone || life !== mine) return
      isDone = true
      const again = lanes.get(name) === 'again'
      lanes.delete(name)
      if (again) inLane(name, work)
    })
  }

  const perform = (effect: Effect): void => {
    switch (effect.do) {
      case 'seal':
        inLane(`seal ${effect.key}`, (done) => seal(effect.key, done))
        break
      case 'hand':
        inLane(`hand ${effect.key}`, (done) => hand(effect.key, effect.to, done))
        break
      case 'settle':
        inLane(`settle ${effect.to}`, (done) => settle(effect.to, done))
        break
      case 'state': {
        const statement = notary.sign(id, 'STATEMENT', { to: effect.to, ...effect.stated })
        tell(effect.to, { t: 'STATEMENT', statement })
        break
      }
      case 'search':
        raise({
          on: 'search',
          target: effect.target,
          seed: random.id(),
          without: effect.without ?? [],
          ...(effect.isAgain && { isAgain: true }),
        })
        break
      case 'wake':
        for (const row of [...state.custody.values()]
          .filter(({ awaits }) => awaits === effect.awaits || (effect.awaits === 'who:' && awaits?.startsWith('who:')))
          .slice(0, effect.most))
          later(random.between(0, 5), () => raise({ on: 'due', key: row.key }))
        break
      case 'seek':
        for (const row of [...state.custody.values()]
          .filter(({ awaits }) => awaits?.startsWith('who:'))
          .slice(-effect.most))
          raise({ on: 'seek', key: row.key })
        break
      case 'ring':
        later(effect.at - clock.now, () => raise({ on: 'ring', qid: effect.qid }))
        break
      case 'tell':
        tell(effect.to, effect.message)
        break
      case 'answer':
        answerWho(effect)
        break
      case 'recall': {
        const message: PathMessage = JSON.parse(proofs.get(effect.key) ?? '')
        const { qid, target, route } = effect
        const cached = notary.sign(id, 'CACHED', { qid, target, route, path: hashOf(message.path) })
        tell(effect.to, { ...message, cached, cachedHops: [] })
        break
      }
      case 'pass': {
        const { path, hops, cached, cachedHops = [] } = effect.message
        const hop = notary.sign(id, 'HOP', { path: hashOf(cached ?? path) })
        tell(effect.to, {
          ...effect.message,
          ...(cached ? { cachedHops: [...cachedHops, hop] } : { hops: [...hops, hop] }),
        })
        break
      }
      case 'rerr': {
        const record = { ...effect.record, at: clock.now }
        tell(effect.to, { t: 'RERR', rerr: notary.sign(id, 'RERR', record) })
        break
      }
      case 'blame': {
        const row = state.custody.get(effect.key)
        if (row === undefined || row.state === 'done') break
        const agent = silentOne(row.trail, effect.by, (step) => showsReceipt(notary, step, effect.key))
        if (agent !== undefined) raise({ on: 'silent', agent })
        break
      }
      case 'announce': {
        const own = state.reaches.get(id)
        if (own === undefined) break
        const { addresses, via, seq, expires } = own
        const record = notary.sign(id, 'REACH', { for: effect.to, addresses, via, seq, expires })
        tell(effect.to, { t: 'REACH', record })
        break
      }
      case 'pair':
        agent.answersPair(effect)
        break
      case 'where':
        tell(effect.to, { t: 'WHERE', pass: effect.pass })
        break
      case 'searched':
      case 'redial':
      case 'look-up':
      case 'log':
        break
    }
  }

  const answerWho = ({ to, qid, target, entity, route }: Extract<Effect, { do: 'answer' }>) => {
    const card = agent.cards.get(entity) ?? ''
    const record = { qid, target, entity, route, card: hashOf(card), expires: clock.now + 86_400_000 }
    tell(to, { t: 'PATH', path: notary.sign(id, 'PATH', record), hops: [], card })
  }

  const seal = (key: string, done: () => void) => {
    const row = state.custody.get(key)
    const submission = state.submissions.get(row?.submission ?? '')
    if (row === undefined || submission === undefined || row.state !== 'spooled' || row.body === null) return done()
    const text = bodyOf(row.body)
    later(random.between(1, 30), () => {
      done()
      if (random.chance(trouble.crash)) return // the disk was full for a moment
      const { to = '', address = '', priority, created, expires, permit } = row
      const payload = notary.sign(submission.entity, 'LETTER', {
        id: row.id,
        to,
        from: submission.entity,
        address,
        text,
      })
      const record = {
        id: row.id,
        to,
        hash: hashOf(payload),
        size: payload.length,
        priority,
        created,
        expires,
        ...(permit && { permit }),
      }
      const envelope = { ...record, origin: id, jws: notary.sign(id, 'ENVELOPE', record) }
      raise({ on: 'sealed', key, envelope, body: keepBody(payload) })
    })
  }

  const hand = (key: string, to: string, done: () => void) => {
    const row = state.custody.get(key)
    if (row?.state !== 'handing' || row.next !== to || row.body === null || !row.envelope) return done()
    const { envelope } = row
    const chain = chainHash(envelope, row.stamps)
    const stamps = [...row.stamps, notary.sign(id, 'STAMP', { id: row.id, chain, to, at: clock.now })]
    const call: Call = { offer: { envelope, stamps, route: row.onward }, payload: bodyOf(row.body) }
    const answered = (replies: Reply[] | undefined) => {
      done()
      const [reply] = replies ?? []
      if (reply && 'refused' in reply) return raise({ on: 'rejected', key, by: to, code: reply.refused })
      if (reply && 'accepted' in reply && isReceipt(notary, reply.accepted, to, chainHash(envelope, stamps)))
        return raise({ on: 'accepted', key, by: to, receipt: reply.accepted })
      raise({ on: 'unreachable', key, by: to, why: 'nothing came back' })
    }
    send(to, call, answered)
  }

  /** Ends when nothing is owed any more, or the neighbour is out of reach. */
  const settle = (to: string, done: () => void) => {
    const owed = [...state.owed.values()].filter((one) => one.to === to).slice(0, 20)
    if (owed.length === 0 || !carrier.isUp(id, to)) return done()
    const signed = (item: Item) => ('jws' in item ? item.jws : notary.sign(id, 'REPORT', item.own))
    const records = owed.map((one): string => {
      if (one.message) return encodeMessage(one.message)
      const [origin, envelope] = partsOfKey(one.custody)
      return encodeMessage({ t: 'REPORTS', origin, id: envelope, reports: one.items.map(signed) })
    })
    let isTaken = false
    send(to, { records }, (replies) => {
      if (isTaken) return
      if (replies === undefined) return later(5000, () => settle(to, done))
      isTaken = true
      // A report refused by name will be refused again: it is owed no more.
      for (const one of owed) raise({ on: 'acknowledged', owed: one.key, items: one.items })
      settle(to, done)
    })
  }

  const send = (to: string, call: Call, answered: (replies: Reply[] | undefined) => void) => {
    const mine = life
    carrier.call(id, to, call, (replies) => {
      if (life === mine) answered(replies)
    })
  }
  const tell = (to: string, message: Message) => send(to, { records: [encodeMessage(message)] }, () => {})

  const take: Agent['take'] = (from, call, answer) => {
    if (life === 0) return
    if ('offer' in call) return takeHand(from, call, (reply) => answer([reply]))
    const replies: (Reply | undefined)[] = call.records.map(() => undefined)
    for (const [i, line] of call.records.entries())
      takeRecord(from, line, (reply) => {
        replies[i] = reply
        const given = replies.filter((one) => one !== undefined)
        if (given.length === replies.length) answer(given)
      })
  }

  const takeHand = (
    from: string,
    { offer, payload }: Extract<Call, { offer: unknown }>,
    answer: (reply: Reply) => void,
  ) =>
    refusing(answer, () => {
      const { envelope, path } = readChain(notary, offer, { me: id, from, now: clock.now })
      if (envelope.hash !== hashOf(payload)) throw new Refusal('payload-mismatch')
      if (state.locals.has(envelope.to) && envelope.permit && envelope.permit !== permitBy(id, envelope))
        throw new Refusal('permit-ended')
      const opened = state.locals.has(envelope.to) ? openSealed(notary, payload, envelope) : undefined
      const advice = offer.route.filter((agentId) => agentId !== id)
      const body = keepBody(opened?.text ?? payload)
      const permit = permitBy(id, envelope)
      const pair = opened && pairIn(opened.text)
      const known = opened && { from: opened.from, address: opened.address, messageId: envelope.id, permit }
      const sender = known && { ...known, ...(pair && { pair }) }
      const arrival = { from, envelope, stamps: offer.stamps, path, advice, body, ...(sender && { opened: sender }) }
      raise({ on: 'arrived', arrival }, (said) => {
        if (said.say === 'refused') return answer({ refused: said.code })
        const chain = chainHash(offer.envelope, offer.stamps)
        const at = said.say === 'accepted' ? said.at : clock.now
        answer({ accepted: notary.sign(id, 'ACCEPTED', { id: envelope.id, origin: envelope.origin, from, chain, at }) })
      })
    })

  const takeRecord = (from: string, line: string, answer: (reply: Reply) => void) =>
    refusing(answer, () => {
      const message = decodeMessage(line)
      const said = (given: Answer) => answer(given.say === 'refused' ? { refused: given.code } : { ok: true })
      switch (message.t) {
        case 'WHO':
          raise({ on: 'who', from, who: message })
          return answer({ ok: true })
        case 'NONE':
          raise({ on: 'none', from, qid: message.qid, cut: message.cut })
          return answer({ ok: true })
        case 'PATH':
          raise({ on: 'path', from, path: readPath(notary, message, id) })
          return answer({ ok: true })
        case 'REACH':
          return raise({ on: 'announced', from, said: readReach(notary, message.record) }, said)
        case 'WHERE':
          return raise({ on: 'where', from, pass: readReach(notary, message.pass) }, said)
        case 'RERR': {
          const { by, body } = notary.verify(message.rerr, 'RERR')
          raise({ on: 'failed', from, failure: { ...rerrRecord(body, 'RERR'), by, jws: message.rerr } })
          return answer({ ok: true })
        }
        case 'REVOKED': {
          const { by, body } = notary.verify(message.revoked, 'REVOKED')
          const word = { agent: by, ...revokedRecord(body, 'REVOKED'), jws: message.revoked }
          return raise({ on: 'revoked', from, word }, said)
        }
        case 'SUSPENDED': {
          const { t, ...accusation } = message
          return raise({ on: 'accused', from, accusation: { ...accusation, at: clock.now } }, said)
        }
        case 'PUNISHED':
          return raise({ on: 'punished', from, cut: message.cut }, said)
        case 'STATEMENT': {
          const { by, body } = notary.verify(message.statement, 'STATEMENT')
          const { to, ...stated } = statementRecord(body, 'STATEMENT')
          if (by !== from || to !== id) throw new Refusal('agent-mismatch')
          return raise({ on: 'stated', from, said: stated }, said)
        }
        case 'COMPLAINT':
          return raise({ on: 'complained', from, complaint: readComplaint(notary, message) }, said)
        case 'WANTED':
          return raise({ on: 'wanted', from, key: `${message.origin}/${message.id}`, permit: message.permit }, said)
        case 'REPORTS': {
          const key = `${message.origin}/${message.id}`
          return raise({ on: 'reported', from, key, reports: readReports(notary, message) }, said)
        }
      }
    })

  const refusing = (answer: (reply: Reply) => void, work: () => void) => {
    try {
      work()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      answer({ refused: error.code })
    }
  }

  const crash = () => {
    life = 0
    lanes = new Map()
    for (const map of [state.searches, state.quests, state.missing, state.buckets, state.blamed]) map.clear()
    for (const [name, link] of state.links) state.links.set(name, { ...link, up: false })
  }

  const start = () => {
    life = ++lives
    for (const row of state.custody.values()) {
      watch(row)
      if (row.state !== 'done') raise({ on: 'due', key: row.key })
    }
    for (const row of state.submissions.values()) watchSubmission(row)
    for (const to of new Set([...state.owed.values()].map((one) => one.to))) perform({ do: 'settle', to })
  }

  const agent: Agent = {
    id,
    state,
    mail: [],
    ends: new Map(),
    outgoing: new Map(),
    complaints: new Map(),
    cards: new Map(),
    raise,
    keepBody,
    bodyOf,
    answersPair: () => {},
    crash,
    start,
    take,
    isAlive: () => life !== 0,
    linkTurned(other) {
      const on = carrier.isUp(id, other) ? 'up' : 'down'
      raise({ on, agent: other })
    },
  }
  return agent
}

/** Up and down are facts of this moment, told in their order; a mail program that asks again makes a new submission. */
const isOnce = ({ on }: Event): boolean => on === 'submitted' || on === 'up' || on === 'down'

/** What the gateway would have loaded for this event: whole what is small, and the rows that were named. */
const narrowed = (state: State, event: Event): State => {
  const first = needs(state, event)
  const rows = (first.custody ?? []).flatMap((key) => state.custody.get(key) ?? [])
  const all: Needs[] = [first, ...rows.map((row) => needsOf(state, row))]
  return {
    ...state,
    custody: only(
      state.custody,
      all.flatMap((one) => one.custody ?? []),
    ),
    submissions: only(
      state.submissions,
      all.flatMap((one) => one.submissions ?? []),
    ),
    contacts: only(
      state.contacts,
      all.flatMap((one) => one.contacts ?? []),
    ),
    owed: only(
      state.owed,
      all.flatMap((one) => one.owed ?? []),
    ),
  }
}

const only = <T>(all: Map<string, T>, keys: string[]): Map<string, T> => {
  const some = new Map<string, T>()
  for (const key of keys) {
    const row = all.get(key)
    if (row !== undefined) some.set(key, row)
  }
  return some
}

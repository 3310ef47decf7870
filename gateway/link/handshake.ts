/**
 * LINK1 on a connection: src/link/link1.ts decides, this reads and writes, and tells who must know.
 * It comes after the hello, before anything else, and again every
 * few hours while a link lives; nothing waits for it then.
 */
import { randomBytes } from 'node:crypto'
import type { ClientHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { standOf } from '../../src/link/alarm.ts'
import {
  advance,
  judge,
  type Line,
  type Pending,
  prepare,
  present,
  settle,
  type Verdict,
} from '../../src/link/link1.ts'
import { hasHistory, type Ratchet } from '../../src/link/ratchet.ts'
import { Refusal } from '../../src/refusal.ts'
import {
  type Arpl,
  type Aurq,
  arplMessage,
  arslMessage,
  aurqMessage,
  commitMessage,
  type Diverged,
  divergedMessage,
  proceedMessage,
} from '../../src/wire/link1.ts'
import { ask, openOn } from './call.ts'
import { answerAs } from './frame.ts'
import { LinkFault } from './handlers.ts'
import type { LinkLimits } from './limits.ts'
import type { Ratchets, Turn } from './ratchets.ts'

export type Handshaking = { us: string; ratchets: Ratchets; limits: LinkLimits; now(): number }

/** The host's side of one connection. */
type HostSide = {
  /** Their hello. @returns AURQ */
  open(): Promise<object>
  /** @param isFree whether a link may come of it @returns PROCEED, {busy} or {diverged} */
  arpl(body: unknown, isFree: () => Promise<boolean>): Promise<object>
  /** @returns ARSL or {busy} */
  commit(body: unknown): Promise<object>
  /** Whether they are who they were: nothing else is taken from them before. */
  isProven(): boolean
}

export const hostSide = ({ us, ratchets, now }: Handshaking, agent: string, socket: TLSSocket): HostSide => {
  const judgeThem = judgeWith(ratchets)
  const ek = exporterOf(socket)
  let turn: Turn | undefined
  let line: Line = { ek, nonce: '' }
  let begun = 0
  let under: { pending: Pending; owner: string | undefined } | undefined
  let isProven = false

  const inTurn = async (work: () => Promise<object>): Promise<object> => {
    if (turn === undefined) throw new Refusal('link-unproven', 'say hello first')
    return ratchets.inTurn(agent, turn, work).catch(unlessBusy)
  }

  return {
    async open() {
      turn = ratchets.begin(agent)
      under = undefined
      line = { ek, nonce: random32() }
      const resume = await ratchets.resume(await ratchets.load(agent))
      begun = now()
      return { v: 1, agent: us, ...resume, nonce: line.nonce, times: ratchets.times }
    },
    async arpl(body, isFree) {
      const arpl = arplMessage(body, 'ARPL')
      if (arpl.agent !== agent) throw new Refusal('agent-mismatch', 'ARPL names another agent than the key')
      return inTurn(async () => {
        const judged = await judgeThem(agent, arpl, (ratchet) =>
          judge(ratchet, line, arpl, random32(), { from: begun, until: now() }),
        )
        if ('diverged' in judged) return { v: 1, ...judged }
        if (!isProven && !(await isFree())) return { busy: true }
        under = { pending: judged, owner: arpl.owner }
        return { v: 1, ...judged.proceed }
      })
    },
    async commit(body) {
      const commit = commitMessage(body, 'COMMIT')
      return inTurn(async () => {
        if (under === undefined) throw new Refusal('link-unproven', 'COMMIT comes after PROCEED')
        const { pending, owner } = under
        const ratchet = await ratchets.load(agent)
        const made = advance(ratchet, line, { pending, commit, most: ratchets.times, now: now() })
        if (made === undefined) throw new Refusal('signature-wrong', 'COMMIT does not hold')
        under = undefined
        turn = undefined // one code word, one connection
        await ratchets.save(made.ratchet)
        isProven = true
        if (pending.proceed.warned) await ratchets.alarm(agent, { what: 'clock-warning' })
        ratchets.met(agent, owner)
        return { v: 1, ...made.arsl }
      })
    },
    isProven: () => isProven,
  }
}

/** What comes of ARPL: PROCEED is owed, or this is where we stand. @throws Refusal `link-frozen`, `link-unproven`, `rekey-invalid` */
const judgeWith =
  (ratchets: Ratchets) =>
  async (
    agent: string,
    arpl: Arpl,
    judged: (ratchet: Ratchet) => Verdict,
  ): Promise<Pending | { diverged: Diverged }> => {
    const kept = await ratchets.load(agent)
    const ratchet = arpl.rekey === undefined ? kept : await ratchets.rekeyed(kept, arpl.rekey)
    const ours = standOf(ratchet)
    const frozen = ratchets.frozen(agent)
    if (frozen === 'clock') throw restsNow()
    if (frozen === 'stolen') throw new Refusal('agent-revoked', 'this key was stolen from its owner')
    if (frozen) return { diverged: ours }
    const verdict = judged(ratchet)
    switch (verdict.is) {
      case 'proceed':
        return verdict.pending
      case 'unpaired':
        throw unpaired()
      case 'diverged':
        await ratchets.alarm(agent, { what: 'diverged', ours, theirs: theirStand(arpl), seenBy: 'us' })
        return { diverged: ours }
      case 'clock':
        await ratchets.save(verdict.ratchet)
        await ratchets.alarm(agent, { what: 'clock' })
        throw restsNow()
    }
  }

/**
 * The guest's side, after the hello.
 *
 * @param turn begun before the hello
 * @throws LinkFault `busy`, `frozen`, or whatever the world does; Refusal as they refuse, `link-diverged`, `rekey-invalid`
 */
export const proveAsGuest = async (
  { us, ratchets, limits, now }: Handshaking,
  { agent, turn, session, socket }: { agent: string; turn: Turn; session: ClientHttp2Session; socket: TLSSocket },
  hello: unknown,
): Promise<void> => {
  const terms = { idleMs: limits.helloMs, answerBytes: limits.answerBytes, answerMs: limits.answerMs }
  const aurq = answerAs(aurqMessage, hello)
  if (aurq.agent !== agent) throw new LinkFault('fault', 'AURQ names another agent than the key')
  const line: Line = { ek: exporterOf(socket), nonce: aurq.nonce }
  const inTurn = <T>(work: (ratchet: Ratchet) => Promise<T>): Promise<T> =>
    ratchets.inTurn(agent, turn, async () => work(await ratchets.load(agent)))
  const diverged = async (ratchet: Ratchet, theirs: Diverged | undefined, seenBy: 'us' | 'them'): Promise<never> => {
    await ratchets.alarm(agent, { what: 'diverged', ours: standOf(ratchet), theirs, seenBy })
    throw new Refusal('link-diverged', 'the neighbour does not know what it should: `vouchsafe link alerts`')
  }

  const said = await inTurn(async (kept) => {
    const ratchet = aurq.rekey === undefined ? kept : await ratchets.rekeyed(kept, aurq.rekey)
    if (ratchets.frozen(agent)) throw new LinkFault('frozen', 'the link is frozen here: `vouchsafe link alerts`')
    const clock = now()
    const resume = await ratchets.resume(ratchet)
    return { ratchet, arpl: { agent: us, ...resume, clock, proofs: present(ratchet, line, clock, aurq.times) } }
  })
  const answer = await ask(openOn(session), '/arpl', { v: 1, ...said.arpl }, terms)
  unlessBusyAnswer(answer)
  const theirs = divergedBy(answer)
  if (theirs) return diverged(said.ratchet, theirs, 'them')
  const proceed = answerAs(proceedMessage, answer)
  const spell = { from: said.arpl.clock, until: now() }

  const commit = await inTurn(async (ratchet) => {
    const made = prepare(ratchet, line, { proceed, spell, random: random32(), most: ratchets.times })
    if (made === undefined && !hasHistory(ratchet)) throw unpaired()
    if (made === undefined) return diverged(ratchet, standOfAurq(aurq), 'us')
    await ratchets.save(made.ratchet)
    return made.commit
  })
  const end = await ask(openOn(session), '/commit', { v: 1, ...commit }, terms)
  unlessBusyAnswer(end)
  const arsl = answerAs(arslMessage, end)
  await inTurn(async (ratchet) => {
    const done = settle(ratchet, line, { arsl, incarnation: aurq.incarnation, now: now() })
    if (done === undefined) throw new LinkFault('fault', 'the neighbour moved on to another secret than ours')
    await ratchets.save(done)
    if (proceed.warned) await ratchets.alarm(agent, { what: 'clock-warning' })
  })
  ratchets.met(agent, aurq.owner)
}

/** TLS 1.3 gives both ends the same 32 bytes, and nobody else (RFC 8446 §7.5). */
const exporterOf = (socket: TLSSocket): Buffer => socket.exportKeyingMaterial(32, 'vouchsafe-link', Buffer.alloc(0))

const random32 = (): string => randomBytes(32).toString('base64url')

const divergedBy = (answer: unknown): Diverged | undefined =>
  typeof answer === 'object' && answer !== null && 'diverged' in answer
    ? answerAs(divergedMessage, answer).diverged
    : undefined

const theirStand = ({ proofs, incarnation }: Arpl) => ({ n: Math.max(...proofs.map(({ n }) => n)), incarnation })
const standOfAurq = ({ incarnation }: Aurq) => ({ n: 0, incarnation })

const unpaired = (): Refusal =>
  new Refusal('link-unproven', 'the two have not paired to the end: accept the invitation again, or make a new one')

const restsNow = (): Refusal => new Refusal('link-frozen', 'clocks were wrong too often; the link rests for a day')

const unlessBusyAnswer = (answer: unknown): void => {
  if (typeof answer === 'object' && answer !== null && 'busy' in answer)
    throw new LinkFault('busy', 'the neighbour has a live link with us already, or begins one')
}

const unlessBusy = (error: unknown): object => {
  if (error instanceof LinkFault && error.code === 'busy') return { busy: true }
  throw error
}

/**
 * What must hold in a village that has healed, for every message that was accepted.
 *
 * Exactly one of these:
 *   delivered   one copy, unaltered, in the recipient's mailbox; no failed notice
 *   failed      one failed notice in the sender's INBOX (unless NOTIFY=NEVER); no copy
 *   unheard     one copy and one failed notice: only if the envelope's life was over before the
 *               village healed, or a link it came over is no more, so that the report could not come
 *               back. The notice then names the agent that, as far as its sender's gateway was told,
 *               had it last, and any that was sent it and did not answer.
 *
 * A message whose life outlasts the trouble by twenty minutes is delivered, if its recipient exists
 * within five hops and no agent remembers a way into a dead end.
 */
import { expect } from 'chai'
import { exactDebt } from '../../src/credit/credit.ts'
import { nameOf } from '../../src/report/words.ts'
import { contactKey } from '../../src/state.ts'
import { MINUTE, type Village, type Written } from './village.ts'

/** @param isEasy no agent was led into a dead end, so that what can be delivered is delivered */
export const holdsWhenSettled = (village: Village, isEasy: boolean): void => {
  for (const one of village.written) holdsFor(village, one, isEasy)
  for (const submission of new Set(village.written.map((one) => one.submission)))
    outgoingTells(
      village,
      submission,
      village.written.filter((one) => one.submission === submission),
    )
  for (const agent of village.agents) {
    const open = [...agent.state.custody.values()].filter((row) => row.state !== 'done')
    expect(
      open.map(({ state, role, awaits }) => ({ state, role, awaits })),
      'envelopes that never ended',
    ).to.deep.equal([])
    const owed = [...agent.state.owed.values()].filter(({ to }) => agent.state.links.get(to)?.state === 'active')
    expect(owed, 'reports owed for ever').to.deep.equal([])
    expect(
      [...agent.state.searches.values()].filter((one) => one.at === 'asking'),
      'searches that never ended',
    ).to.deep.equal([])
  }
  for (const { agent, contact } of village.opinions)
    expect(agent.state.contacts.get(contactKey(contact.entity, contact.other)), 'what a person said').to.include(
      contact,
    )
  const known = new Set(village.written.map((one) => one.key))
  const strays = village.agents.flatMap((agent) =>
    agent.mail.filter(({ provenance }) => provenance && !known.has(provenance.key)),
  )
  for (const stray of strays) expect(stray.text, 'mail that nobody wrote').to.match(/^message /) // 250 was lost with the crash
}

const copiesOf = (village: Village, { key, to }: Written) => {
  const all = village.agents.flatMap((agent) =>
    agent.mail.filter(({ provenance }) => provenance?.key === key).map((letter) => ({ agent, letter })),
  )
  expect(
    all.every(({ agent }) => agent === to),
    'delivered to somebody else',
  ).to.equal(true)
  return all.map(({ letter }) => letter)
}

const noticesOf = ({ origin, recipient }: Written, kind: 'failed' | 'delayed' | 'delivered') =>
  origin.mail.filter(({ text }) => text.includes(`${kind}.${recipient.envelope}`))

const holdsFor = (village: Village, one: Written, isEasy: boolean): void => {
  const copies = copiesOf(village, one)
  const failed = noticesOf(one, 'failed')
  expect(copies.length, 'copies of one message').to.be.at.most(1)
  expect(failed.length, 'failed notices about one recipient').to.be.at.most(1)
  for (const copy of copies) expect(copy.text, 'altered on its way').to.equal(one.text)
  for (const notice of failed) expect(notice.folder).to.equal('INBOX')

  const row = one.origin.ends.get(one.key)
  const isSilent = one.recipient.notify.includes('NEVER')
  const hasFailed = failed.length === 1 || (isSilent && one.to !== one.origin && row?.outcome?.event !== 'delivered')
  expect(copies.length === 1 || hasFailed, `lost in silence (${row?.state} ${row?.outcome?.event})`).to.equal(true)
  if (row)
    expect(row.outcome?.event === 'delivered' && copies.length === 0, 'a delivery believed that never was').to.equal(
      false,
    )
  if (one.recipient.notify.includes('SUCCESS') && copies.length === 1 && !hasFailed)
    expect(noticesOf(one, 'delivered'), 'the success report asked for').to.have.length(1)

  if (copies.length === 1 && hasFailed) {
    const isGone = village.parted.some((link) =>
      isBetween(link, [...(copies[0]?.provenance?.path ?? []), one.to?.id ?? '']),
    )
    const ended = one.at + village.terms.knownLifeMs
    expect(
      isGone || village.healedAt > ended,
      'both delivered and failed, though a report could have come back',
    ).to.equal(true)
    for (const notice of failed) namesLastHolder(one, notice.text)
  }
  if (one.to === undefined) expect(hasFailed).to.equal(true)
  const isWhole = isEasy && village.healedAt < one.at + village.terms.unknownLifeMs - 20 * MINUTE
  if (isWhole && isInReach(village, one))
    expect(
      copies.length,
      `undelivered, though the village was whole long before its end: ${row?.outcome?.code}`,
    ).to.equal(1)
}

const isBetween = (link: [string, string], path: string[]): boolean =>
  path.some((agent, i) => link.includes(agent) && link.includes(path[i + 1] ?? ''))

/** Rings end at the fifth hop. */
const isInReach = (village: Village, { origin, to }: Written): boolean => {
  const reached = new Set([origin.id])
  for (let hop = 0; hop < 5; hop++)
    for (const agent of [...reached])
      for (const [a, b] of village.carrier.links) {
        if (a === agent) reached.add(b)
        if (b === agent) reached.add(a)
      }
  return to !== undefined && reached.has(to.id)
}

/** By the trail the sender's own gateway has: the last agent known to have taken it, or that it was handed to. */
const namesLastHolder = (one: Written, text: string): void => {
  const row = one.origin.ends.get(one.key)
  if (row === undefined) throw new Error('the row is forgotten too early')
  const said = text.replace(/\s+/g, ' ').toLowerCase()
  const name = (agent: string) => nameOf(one.origin.state, agent).toLowerCase()
  const taken = row.trail.filter((step) => step.event === 'accepted' || step.event === 'forwarded').at(-1)
  const unsure = row.tried.find((hop) => !hop.saidNo && !row.trail.some((step) => step.by === hop.by))
  const holder = taken?.next ?? taken?.by
  if (holder) expect(said, 'the notice says who had it last').to.include(`${name(holder)} had it last`)
  else expect(unsure, 'delivered, though nobody was handed it').not.to.equal(undefined)
  if (unsure) expect(said, 'the notice says who may have it').to.match(/sent to [^:]* no answer came back/)
  if (unsure) expect(said).to.include(name(unsure.by))
}

const outgoingTells = (village: Village, submission: string, them: Written[]): void => {
  const [first] = them
  if (first === undefined) return
  const shown = first.origin.outgoing.get(submission)
  const isHere = them.every((one) => one.to === one.origin)
  if (isHere) return void expect(shown, 'nothing is under way').to.equal(undefined)
  const hasFailed = them.some(
    (one) => one.to !== one.origin && one.origin.ends.get(one.key)?.outcome?.event !== 'delivered',
  )
  expect(shown?.filter((stage) => stage !== 'cleared').at(-1), 'the end in Outgoing').to.equal(
    hasFailed ? 'Failed' : 'Delivered',
  )
  expect(village.clock.now).to.be.above(first.at)
}

/** What one of two neighbours is owed the other owes, to the last digit, once every complaint has found its way. */
export const holdsInTheBooks = ({ agents, parted, clock }: Village): void => {
  for (const { id, state } of agents)
    for (const [other, credit] of state.credits) {
      if (parted.some((link) => link.includes(id) && link.includes(other))) continue
      const mirror = agents.find((one) => one.id === other)?.state.credits.get(id)
      const theirs = mirror ? exactDebt(mirror, clock.now) : 0
      expect(exactDebt(credit, clock.now) + theirs, 'a debt that only one of the two keeps').to.be.closeTo(0, 1e-9)
    }
}

/** Long after the end nothing is remembered: no row, no debt, no search. */
export const holdsWhenForgotten = (village: Village): void => {
  for (const { state } of village.agents) {
    const left = {
      custody: [...state.custody.values()].map(({ role, outcome }) => ({ role, outcome })),
      owed: state.owed.size,
      submissions: state.submissions.size,
      searches: state.searches.size,
    }
    expect(left, 'remembered for ever').to.deep.equal({ custody: [], owed: 0, submissions: 0, searches: 0 })
    for (const { theirs, ours } of state.credits.values())
      expect(
        [theirs, ours].map(({ reserved, pending }) => [reserved, pending]),
        'reserved for ever',
      ).to.deep.equal([
        [0, 0],
        [0, 0],
      ])
  }
}

import { expect } from 'chai'
import {
  COMPLAINT_LIFE_MS,
  type Deed,
  done,
  due,
  type Gesture,
  junk,
  out,
  type Stage,
} from '../../src/complaint/gesture.ts'
import { type Lying, type Sign, signOf } from '../../src/complaint/sign.ts'

const now = 1_800_000_000_000
const minute = 60_000
const provenance = { key: 'agent/envelope', from: 'sender', address: 'mal@m.test', path: ['m', 'a'], at: now - minute }
const row = (stage: Stage, more: Partial<Gesture> = {}): Gesture => ({
  id: '1/agent/envelope',
  account: 1,
  message: 7,
  provenance,
  reason: 'abuse',
  stage,
  at: now - 10,
  dueAt: now + 10,
  ...more,
})
const pressed = { account: 1, message: 8, provenance, reason: 'abuse' as const }

describe('gesture', () => {
  const presses: [what: string, was: Gesture | undefined, stage: Stage | undefined][] = [
    ['Junk begins a grace', undefined, 'pending'],
    ['pressed twice, the first counts', row('pending'), undefined],
    ['a complaint made is made', row('made'), undefined],
    ['one that is about to be taken back is made again', row('undoing'), 'pending'],
    ['trust that is about to be given back stays taken', row('undoing', { took: 'implicit' }), 'distrusted'],
    ['one taken back can be made again', row('undone'), 'pending'],
    ['what was refused is not tried again', row('refused'), undefined],
    ['trust is taken back once', row('distrusted'), undefined],
    ['and not while it is being taken back', row('distrusting'), undefined],
  ]
  for (const [what, was, stage] of presses)
    it(what, () => expect(junk(was, pressed, minute, now)?.stage).to.equal(stage))

  it('is due when the grace is over, about the very message pressed', () =>
    expect(junk(undefined, pressed, minute, now)).to.deep.include({
      id: '1/agent/envelope',
      message: 8,
      dueAt: now + minute,
    }))
  it('says nothing of a message older than complaints may be', () => {
    const at = (age: number) => ({ ...pressed, provenance: { ...provenance, at: now - age } })
    expect(junk(undefined, at(COMPLAINT_LIFE_MS), minute, now)?.stage).to.equal('pending')
    expect(junk(undefined, at(COMPLAINT_LIFE_MS + 1), minute, now)).to.equal(undefined)
  })

  const outs: [what: string, was: Stage, then: Stage | 'forget' | undefined][] = [
    ['out within the grace, nothing happened', 'pending', 'forget'],
    ['out later, the complaint is taken back', 'made', 'undoing'],
    ['taken back once', 'undoing', undefined],
    ['and not again', 'undone', undefined],
    ['trust that was taken is given back', 'distrusted', 'undoing'],
    ['what was refused is over', 'refused', 'forget'],
  ]
  for (const [what, was, then] of outs)
    it(what, () => {
      const next = out(row(was), now)
      expect(typeof next === 'object' ? next.stage : next).to.equal(then)
    })

  const dues: [what: string, stage: Stage, isKnown: boolean, deed: Deed][] = [
    ['a stranger is complained about', 'pending', false, 'complain'],
    ['whoever is known here is not: the trust goes', 'pending', true, 'distrust'],
    ['and when it is gone, it is not complained after all', 'distrusting', false, 'distrust'],
    ['what is to be undone is undone, whatever the trust', 'undoing', true, 'withdraw'],
    ['what is over is forgotten in the end', 'made', false, 'forget'],
    ['refusals, too', 'refused', false, 'forget'],
  ]
  it('what came of it is shown for four weeks', () =>
    expect(done(row('pending'), 'made', now)).to.include({ stage: 'made', at: now, dueAt: now + 28 * 86_400_000 }))
  for (const [what, stage, isKnown, deed] of dues) it(what, () => expect(due(stage, isKnown)).to.equal(deed))
})

describe('sign', () => {
  const inbox = { folder: 'INBOX', specialUse: null }
  const junkFolder = { folder: 'Spam', specialUse: '\\Junk' }
  const trash = { folder: 'Trash', specialUse: '\\Trash' }
  const requests = { folder: 'Requests', specialUse: null }
  const plain = { keywords: '', isSeen: false, isAnswered: false, isDeleted: false }
  const signs: [what: string, lying: Partial<Lying>, from: typeof inbox | typeof junkFolder | undefined, sign: Sign][] =
    [
      ['lying in the Junk folder, by its use and not its name', junkFolder, inbox, 'junk'],
      ['the keyword says the same, wherever it lies', { keywords: 'x $Junk' }, undefined, 'junk'],
      ['in any case', { keywords: '$JUNK' }, undefined, 'junk'],
      ['Thunderbird has a word of its own', { keywords: 'Junk' }, undefined, 'junk'],
      ['and one for the opposite', { ...junkFolder, keywords: 'NonJunk' }, undefined, 'out'],
      ['$NotJunk says the opposite, even in Junk', { ...junkFolder, keywords: '$Junk $NotJunk' }, undefined, 'out'],
      ['but moved to Junk last, it is junk', { ...junkFolder, keywords: '$NotJunk' }, inbox, 'junk'],
      ['out of Junk', {}, junkFolder, 'out'],
      ['from Junk to Trash takes nothing back', trash, junkFolder, 'nothing'],
      ['nor does it say anything to be marked for deletion', { isDeleted: true, isSeen: true }, undefined, 'nothing'],
      ['marked for deletion in Junk it is junk still', { ...junkFolder, isDeleted: true }, undefined, 'junk'],
      ['from Requests to INBOX', {}, requests, 'wanted'],
      ['from Requests to another folder', { folder: 'Later' }, requests, 'kept'],
      ['read', { isSeen: true }, undefined, 'wanted'],
      ['answered', { isAnswered: true }, undefined, 'wanted'],
      ['flagged', {}, undefined, 'kept'],
    ]
  for (const [what, lying, from, sign] of signs)
    it(`${what}: ${sign}`, () => expect(signOf({ ...inbox, ...plain, ...lying }, from)).to.equal(sign))
})

import { expect } from 'chai'
import fc from 'fast-check'
import { pairIn } from '../../gateway/carry/paired.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { signRecord } from '../../src/identity/record.ts'
import { pairLetter } from '../../src/mail/pair-letter.ts'
import { Refusal } from '../../src/refusal.ts'

const [us, them, eve] = [generateAgent(), generateAgent(), generateAgent()]
const core = { net: 'test', agent: us }
const body = { to: us.id, name: 'B', addresses: ['b.test:2740'], answer: false, at: 1 }
const letterOf = (record: string): Buffer =>
  pairLetter({ from: 'bob@b.test', to: 'ann@a.test', id: '<1@b.test>', record, now: 1 })
const outcome = (letter: Buffer): Promise<unknown> =>
  pairIn(core, letter, them.id).catch((error) => {
    if (error instanceof Refusal) return error.code
    throw error
  })

describe('a PAIR letter, read', () => {
  const cases: [what: string, record: () => Promise<string> | string, read: unknown][] = [
    [
      'as it was written',
      () => signRecord(them, 'test', 'PAIR', body),
      { name: 'B', addresses: ['b.test:2740'], answer: false },
    ],
    ['by another agent than the sender’s', () => signRecord(eve, 'test', 'PAIR', body), 'agent-mismatch'],
    ['for another agent', () => signRecord(them, 'test', 'PAIR', { ...body, to: eve.id }), 'agent-mismatch'],
    ['of another web', () => signRecord(them, 'other', 'PAIR', body), 'net-mismatch'],
    ['of another kind', () => signRecord(them, 'test', 'HOP', body), 'record-type'],
    ['without what it must hold', () => signRecord(them, 'test', 'PAIR', { to: us.id }), 'record-malformed'],
    ['of nonsense', () => 'nonsense', 'record-malformed'],
  ]
  for (const [what, record, read] of cases)
    it(what, async () => expect(await outcome(letterOf(await record()))).to.deep.equal(read))

  it('its lines are no longer than mail allows', async () => {
    const letter = letterOf(await signRecord(them, 'test', 'PAIR', { ...body, name: 'ü'.repeat(80) }))
    for (const line of letter.toString().split('\r\n')) expect(line.length).to.be.at.most(78)
  })

  it('any other letter is one to a person', () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        const letter = Buffer.from(
          `Subject: x\r\nContent-Type: text/plain\r\n\r\nContent-Type: application/vnd.vouchsafe.pair\r\n\r\n${text}`,
        )
        expect(await outcome(letter)).to.equal(undefined)
        expect(await outcome(Buffer.from(text))).to.equal(undefined)
      }),
    ))
})

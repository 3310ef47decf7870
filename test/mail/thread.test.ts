import { expect } from 'chai'
import fc from 'fast-check'
import { type Forest, forestText } from '../../src/mail/forest.ts'
import { linked, linkingOf, noLinks } from '../../src/mail/links.ts'
import { countTo, noRanks, ranked } from '../../src/mail/ranks.ts'
import { type Conversing, threadByReferences, threadBySubject } from '../../src/mail/thread.ts'
import { growsEvenly } from '../fixture/growth.ts'
import { done } from './done.ts'
import * as plain from './plain-thread.ts'

type Message = plain.Threaded

/** All messages as `thread.ts` has them, in two goes: what came before, and what came since. */
const conversing = (messages: readonly Message[], before = 0): Conversing => {
  const [some, others] = [messages.slice(0, before), messages.slice(before)]
  const ranks = (key: (message: Message) => string | number) =>
    done(ranked(done(ranked(noRanks, some.map(key))), others.map(key)))
  const linking = ({ id, references, isReply }: Message) => ({ own: id, answered: references, isReply })
  const links = done(linked(done(linked(noLinks(), some.map(linking))), others.map(linking)))
  const slots = countTo(messages.length)
  return { slots, sent: ranks(({ sentAt }) => sentAt), subject: ranks(({ base }) => base), links }
}

type Make = (messages: Conversing) => Generator<void, Forest>

const told = (make: Make, conversation: Conversing, numbers: readonly number[]): string =>
  done(forestText(done(make(conversation)), numbers))
const all = (make: Make, messages: readonly Message[], before?: number): string =>
  told(
    make,
    conversing(messages, before),
    messages.map(({ number }) => number),
  )

/** `1 a < x y: re lunch @5`: number, id, what it answers, subject, when it was sent; each but the number may be missing. */
const message = (short: string): Message => {
  const [, number, id, references = '', subject = `s${short}`, sentAt = number] =
    /^(\d+)(?: ([^\s<:@]+))?(?: <([^:@]*))?(?:: ?([^@]*?))?(?: ?@(\d+))?$/.exec(short) ?? []
  return {
    number: Number(number),
    sentAt: Number(sentAt),
    id: id ?? null,
    references: references.split(' ').filter(Boolean),
    base: subject.replace(/^re /, ''),
    isReply: subject.startsWith('re '),
  }
}

describe('mail/thread: conversations', () => {
  const byReferences: [what: string, messages: string, threads: string][] = [
    ['none', '', ''],
    ['strangers stay apart', '1 a, 2 b', '(1)(2)'],
    ['an answer is below', '1 a, 2 b < a', '(1 2)'],
    ['a chain', '1 a, 2 b < a, 3 c < a b', '(1 2 3)'],
    ['two answers', '1 a, 2 b < a, 3 c < a', '(1 (2)(3))'],
    ['whatever order they came in', '1 c < a b, 2 b < a, 3 a', '(3 2 1)'],
    ['siblings by date', '1 a: x @1, 2 b < a: y @9, 3 c < a: z @5', '(1 (3)(2))'],
    ['threads by date', '1 a: x @9, 2 b: y @5', '(2)(1)'],
    ['one that is not here leaves no trace in a chain', '1 a, 2 c < a b', '(1 2)'],
    ['nor with one child at the top', '1 b < a', '(1)'],
    ['but holds two together', '1 b < a, 2 c < a', '((1)(2))'],
    ['it is as old as its first child', '1 x: x @3, 2 b < a: y @2, 3 c < a: z @4', '((2)(3))(1)'],
    ['a loop is not closed', '1 a < b, 2 b < a', '(2 1)'],
    ['nor with itself', '1 a < a', '(1)'],
    ['a repeated id is a message of its own', '1 a, 2 a, 3 b < a', '(1 3)(2)'],
    ['no id, too', '1, 2', '(1)(2)'],
    ['what it says itself counts more than what others say', '1 c < a b, 2 b < x, 3 x', '(3 2 1)'],
    ['also that it answers nothing', '1 a, 2 c < a b, 3 b', '(1)(3 2)'],
    ['but not for those who come later', '1 b, 2 a, 3 c < a b', '(2 1 3)'],
    ['a reply without references goes by its subject', '1 a: x, 2 b: re x', '(1 2)'],
    ['also if it is older', '1 a: re x, 2 b: x', '(2 1)'],
    ['equals of a subject are side by side', '1 a: x, 2 b: x', '((1)(2))'],
    ['a third joins them', '1 a: x, 2 b: x, 3 c: x', '((1)(2)(3))'],
    ['two that hold threads become one', '1 a < p: x, 2 b < p: y, 3 c < q: x, 4 d < q: z', '((1)(2)(3)(4))'],
    ['no subject gathers nothing', '1 a:, 2 b:', '(1)(2)'],
  ]
  const bySubject: typeof byReferences = [
    ['one subject is one thread, all below the first', '1 a: x, 2 b: re x, 3 c: x', '(1 (2)(3))'],
    ['threads by their first date', '1 a: x @5, 2 b: y @1, 3 c: x @9', '(2)(1 3)'],
    ['the earliest leads', '1 a: x @5, 2 b: re x @1', '(2 1)'],
    ['no subject is one, too', '1 a:, 2 b:', '(1 2)'],
  ]
  const tables = [
    ['by references', threadByReferences, byReferences],
    ['by subject', threadBySubject, bySubject],
  ] as const
  for (const [how, make, cases] of tables)
    for (const [what, messages, threads] of cases)
      it(`${how}: ${what}`, () =>
        expect(all(make, messages.split(', ').filter(Boolean).map(message))).to.equal(threads))

  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g')
  const anything = fc
    .array(
      fc.record({
        id: fc.option(id),
        references: fc.array(id, { maxLength: 5 }),
        base: fc.constantFrom('', 'x', 'y', 'z'),
        isReply: fc.boolean(),
        sentAt: fc.nat(5),
      }),
      { maxLength: 14, size: 'max' },
    )
    .map((all) => all.map((each, i): Message => ({ ...each, number: i + 1 })))

  for (const [name, make, plainly] of [
    ['threadByReferences', threadByReferences, plain.threadByReferences],
    ['threadBySubject', threadBySubject, plain.threadBySubject],
  ] as const) {
    it(`${name}: as told step by step, whatever they say of each other and however many came later`, () =>
      fc.assert(
        fc.property(anything, fc.nat(14), (messages, before) => {
          expect(all(make, messages, before)).to.equal(plainly(messages).map(plainText).join(''))
        }),
        { numRuns: 5000 },
      ))

    it(`${name}: some of a mailbox are threaded as if there were no others`, () =>
      fc.assert(
        fc.property(anything, fc.infiniteStream(fc.boolean()), (messages, coin) => {
          const chosen = messages.filter(() => coin.next().value)
          const slots = Uint32Array.from(chosen, ({ number }) => number - 1)
          const numbers = chosen.map(({ number }) => number)
          expect(told(make, { ...conversing(messages), slots }, numbers)).to.equal(
            plainly(chosen).map(plainText).join(''),
          )
        }),
        { numRuns: 2000 },
      ))
  }

  it('an id in quotes is the same without them, and blanks around it are none of it', () => {
    const saying = { messageId: '<"a\\.b c"@x>', references: ['<"ab"@x>', '< ab@x >', '<"a b"@x>'] }
    expect(linkingOf(saying)).to.deep.include({ own: '<a.b c@x>', answered: ['<ab@x>', '<ab@x>', '<a b@x>'] })
  })

  const answering: [what: string, references: string[], inReplyTo: string | null, answered: string[]][] = [
    ['what its References name', ['<a@x>', '<b@x>'], '<c@x>', ['<a@x>', '<b@x>']],
    ['without them, what its In-Reply-To names', [], '<c@x>', ['<c@x>']],
    ['not what is no id', [], 'Your letter of Monday', []],
    ['nothing without either', [], null, []],
  ]
  for (const [what, references, inReplyTo, answered] of answering)
    it(`a message answers ${what}`, () => expect(linkingOf({ references, inReplyTo })).to.deep.include({ answered }))

  for (const [what, references] of [
    ['top', (i: number) => `m${i - 1}`],
    ['end', (i: number, length: number) => `x${length - i} x${length + 1 - i}`],
  ] as const)
    it(`a chain of 20 000 is threaded from its ${what} in time that grows with its length`, () =>
      growsEvenly(20_000, (length) => {
        const chain = Array.from({ length }, (_, i) => message(`${i + 1} m${i} < ${references(i, length)}:`))
        const numbers = all(threadByReferences, chain).match(/\d+/g)?.map(Number)
        expect(numbers?.sort((a, b) => a - b)).to.deep.equal(chain.map(({ number }) => number))
      }))
})

/** As forest.ts tells it. */
const plainText = (thread: plain.Thread): string => {
  const { number, children } = thread
  const rest =
    children.length === 1 && children[0] ? plainText(children[0]).slice(1, -1) : children.map(plainText).join('')
  return `(${[number ?? '', rest].filter((part) => part !== '').join(' ')})`
}

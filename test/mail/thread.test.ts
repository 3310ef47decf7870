import { expect } from 'chai'
import fc from 'fast-check'
import { type Thread, type Threaded, threadByReferences, threadBySubject } from '../../src/mail/thread.ts'

/** `[number, id, references, subject]`; sent in the order of the numbers, unless said. `re ` makes a reply. */
type Short = [number: number, id: string | null, references: string, subject?: string, sentAt?: number]

const full = ([number, id, references, subject = `s${number}`, sentAt = number]: Short): Threaded => ({
  number,
  sentAt,
  id,
  references: references.split(' ').filter(Boolean),
  base: subject.replace(/^re /, ''),
  isReply: subject.startsWith('re '),
})

const text = ({ number, children }: Thread): string =>
  `(${[...(number === undefined ? [] : [number]), ...children.map(text)].join(' ')})`
const all = (threads: Thread[]): string => threads.map(text).join('')

describe('mail/thread: conversations', () => {
  const cases: [what: string, messages: Short[], threads: string][] = [
    ['none', [], ''],
    [
      'strangers stay apart',
      [
        [1, 'a', ''],
        [2, 'b', ''],
      ],
      '(1)(2)',
    ],
    [
      'an answer is below',
      [
        [1, 'a', ''],
        [2, 'b', 'a'],
      ],
      '(1 (2))',
    ],
    [
      'a chain',
      [
        [1, 'a', ''],
        [2, 'b', 'a'],
        [3, 'c', 'a b'],
      ],
      '(1 (2 (3)))',
    ],
    [
      'two answers',
      [
        [1, 'a', ''],
        [2, 'b', 'a'],
        [3, 'c', 'a'],
      ],
      '(1 (2) (3))',
    ],
    [
      'whatever order they came in',
      [
        [1, 'c', 'a b'],
        [2, 'b', 'a'],
        [3, 'a', ''],
      ],
      '(3 (2 (1)))',
    ],
    [
      'siblings by date',
      [
        [1, 'a', '', 'x', 1],
        [2, 'b', 'a', 'y', 9],
        [3, 'c', 'a', 'z', 5],
      ],
      '(1 (3) (2))',
    ],
    [
      'threads by date',
      [
        [1, 'a', '', 'x', 9],
        [2, 'b', '', 'y', 5],
      ],
      '(2)(1)',
    ],
    [
      'one that is not here leaves no trace in a chain',
      [
        [1, 'a', ''],
        [2, 'c', 'a b'],
      ],
      '(1 (2))',
    ],
    ['nor with one child at the top', [[1, 'b', 'a']], '(1)'],
    [
      'but holds two together',
      [
        [1, 'b', 'a'],
        [2, 'c', 'a'],
      ],
      '((1) (2))',
    ],
    [
      'it is as old as its first child',
      [
        [1, 'x', '', 'x', 3],
        [2, 'b', 'a', 'y', 2],
        [3, 'c', 'a', 'z', 4],
      ],
      '((2) (3))(1)',
    ],
    [
      'a loop is not closed',
      [
        [1, 'a', 'b'],
        [2, 'b', 'a'],
      ],
      '(2 (1))',
    ],
    ['nor with itself', [[1, 'a', 'a']], '(1)'],
    [
      'a repeated id is a message of its own',
      [
        [1, 'a', ''],
        [2, 'a', ''],
        [3, 'b', 'a'],
      ],
      '(1 (3))(2)',
    ],
    [
      'no id, too',
      [
        [1, null, ''],
        [2, null, ''],
      ],
      '(1)(2)',
    ],
    [
      'what it says itself counts more than what others say',
      [
        [1, 'c', 'a b'],
        [2, 'b', 'x'],
        [3, 'x', ''],
      ],
      '(3 (2 (1)))',
    ],
    [
      'a reply without references goes by its subject',
      [
        [1, 'a', '', 'x'],
        [2, 'b', '', 're x'],
      ],
      '(1 (2))',
    ],
    [
      'also if it is older',
      [
        [1, 'a', '', 're x'],
        [2, 'b', '', 'x'],
      ],
      '(2 (1))',
    ],
    [
      'equals of a subject are side by side',
      [
        [1, 'a', '', 'x'],
        [2, 'b', '', 'x'],
      ],
      '((1) (2))',
    ],
    [
      'a third joins them',
      [
        [1, 'a', '', 'x'],
        [2, 'b', '', 'x'],
        [3, 'c', '', 'x'],
      ],
      '((1) (2) (3))',
    ],
    [
      'two that hold threads become one',
      [
        [1, 'a', 'p', 'x'],
        [2, 'b', 'p', 'y'],
        [3, 'c', 'q', 'x'],
        [4, 'd', 'q', 'z'],
      ],
      '((1) (2) (3) (4))',
    ],
    [
      'no subject gathers nothing',
      [
        [1, 'a', '', ''],
        [2, 'b', '', ''],
      ],
      '(1)(2)',
    ],
  ]
  for (const [what, messages, threads] of cases)
    it(`by references: ${what}`, () => expect(all(threadByReferences(messages.map(full)))).to.equal(threads))

  const bySubject: [what: string, messages: Short[], threads: string][] = [
    [
      'one subject is one thread, all below the first',
      [
        [1, 'a', '', 'x'],
        [2, 'b', '', 're x'],
        [3, 'c', '', 'x'],
      ],
      '(1 (2) (3))',
    ],
    [
      'threads by their first date',
      [
        [1, 'a', '', 'x', 5],
        [2, 'b', '', 'y', 1],
        [3, 'c', '', 'x', 9],
      ],
      '(2)(1 (3))',
    ],
    [
      'the earliest leads',
      [
        [1, 'a', '', 'x', 5],
        [2, 'b', '', 're x', 1],
      ],
      '(2 (1))',
    ],
    [
      'no subject is one, too',
      [
        [1, 'a', '', ''],
        [2, 'b', '', ''],
      ],
      '(1 (2))',
    ],
  ]
  for (const [what, messages, threads] of bySubject)
    it(`by subject: ${what}`, () => expect(all(threadBySubject(messages.map(full)))).to.equal(threads))

  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g')
  const anything = fc
    .array(
      fc.record({
        id: fc.option(id),
        refs: fc.array(id, { maxLength: 5 }),
        base: fc.constantFrom('', 'x', 'y'),
        isReply: fc.boolean(),
        sentAt: fc.nat(5),
      }),
      { maxLength: 12 },
    )
    .map((all) =>
      all.map(
        ({ id, refs, base, isReply, sentAt }, i): Threaded => ({
          number: i + 1,
          sentAt,
          id,
          references: refs,
          base,
          isReply,
        }),
      ),
    )
  const numbers = ({ number, children }: Thread): number[] => [
    ...(number === undefined ? [] : [number]),
    ...children.flatMap(numbers),
  ]
  for (const [name, make] of Object.entries({ threadByReferences, threadBySubject }))
    it(`${name}: every message is told once, whatever they say of each other`, () =>
      fc.assert(
        fc.property(anything, (messages) => {
          const told = make(messages)
            .flatMap(numbers)
            .sort((a, b) => a - b)
          expect(told).to.deep.equal(messages.map(({ number }) => number))
        }),
        { numRuns: 2000 },
      ))

  it('a chain of 20 000 is threaded within seconds', () => {
    const chain = Array.from({ length: 20_000 }, (_, i): Threaded => full([i + 1, `${i}`, i > 0 ? `${i - 1}` : '', '']))
    const began = performance.now()
    expect(threadByReferences(chain).flatMap(deepNumbers)).to.have.length(20_000)
    expect(performance.now() - began).to.be.below(5000)
  })
})

const deepNumbers = (root: Thread): number[] => {
  const all = [root]
  for (let i = 0; i < all.length; i++) all.push(...(all[i]?.children ?? []))
  return all.flatMap(({ number }) => number ?? [])
}

import { expect } from 'chai'
import { type Books, hear, isDisputed, isStatementDue, newBooks, state } from '../../src/credit/books.ts'
import { type Credit, complained, DAY_MS, newCredit, reserve } from '../../src/credit/credit.ts'

const HOUR = 3_600_000
const now = 1_700_000_000_000
const owed = (count: number): Credit => {
  const credit = newCredit(now)
  for (let i = 0; i < count; i++) {
    reserve(credit, 'theirs', 1)
    complained(credit, 'theirs', 1, now, now)
  }
  return credit
}
const theirs = (debt: number, more: object = {}) => ({ seq: 1, debt, limit: 3, at: now, disputed: false, ...more })

describe('books: a statement is due', () => {
  const cases: [what: string, books: Partial<Books>, afterMs: number, is: boolean][] = [
    ['after a day', {}, DAY_MS, true],
    ['not before', {}, DAY_MS - 1, false],
    ['after 16 charges', { charges: 16 }, 0, true],
    ['not after 15', { charges: 15 }, HOUR, false],
    ['hourly while the numbers differ', { disputedSince: now }, HOUR, true],
    ['or the neighbour asks', { asked: true }, HOUR, true],
    ['not at once', { asked: true }, HOUR - 1, false],
  ]
  for (const [what, books, afterMs, is] of cases)
    it(what, () => expect(isStatementDue({ ...newBooks(now), ...books }, now + afterMs)).to.equal(is))
})

describe("books: the neighbour's number", () => {
  const cases: [what: string, credit: Credit, debt: number, afterMs: number, differs: boolean][] = [
    ['is ours with the other sign', owed(2), -2, 0, false],
    ['also when it comes late', owed(2), -2, DAY_MS, false],
    ['may differ by rounding', owed(2), -2.009, 0, false],
    ['and by no more', owed(2), -2.011, 0, true],
    ['does not lack a complaint', owed(2), -1, 0, true],
  ]
  for (const [what, credit, debt, afterMs, differs] of cases)
    it(what, () => {
      const books = hear(newBooks(now), credit, theirs(debt), now + afterMs)
      expect(books.disputedSince !== undefined).to.equal(differs)
    })

  it('counts as a difference after a day and the hour of the answer, unless it agrees before', () => {
    const disputed = hear(newBooks(now), owed(1), theirs(0), now)
    expect(isDisputed(disputed, now + DAY_MS + HOUR - 1)).to.equal(false)
    expect(isDisputed(disputed, now + DAY_MS + HOUR)).to.equal(true)
    const again = hear(disputed, owed(1), theirs(-1, { seq: 2 }), now)
    expect(isDisputed(again, now + 2 * DAY_MS)).to.equal(false)
  })

  it('is not heard twice, nor an older one', () => {
    const books = hear(newBooks(now), owed(1), theirs(-1, { seq: 5 }), now)
    expect(hear(books, owed(1), theirs(0, { seq: 5 }), now)).to.equal(books)
    expect(hear(books, owed(1), theirs(0, { seq: 4 }), now)).to.equal(books)
  })

  it('from the future is of the moment it came: a debt of then would be more today', () => {
    const ahead = hear(newBooks(now), owed(2), theirs(-2, { at: 9_999_999_999_999 }), now)
    expect([ahead.heard?.at, ahead.disputedSince]).to.deep.equal([now, undefined])
    expect(hear(newBooks(now), owed(2), theirs(-2), now + HOUR).heard?.at, 'an older one keeps its time').to.equal(now)
  })

  it('is answered where it is disputed, and ours says so where it is', () => {
    const asked = hear(newBooks(now), owed(1), theirs(-1, { disputed: true }), now)
    const answer = state(asked, owed(1), 3, now + HOUR)
    expect([asked.asked, answer.books.asked, answer.stated.disputed]).to.deep.equal([true, undefined, false])
    const differing = hear(newBooks(now), owed(1), theirs(0), now)
    expect(state(differing, owed(1), 3, now).stated).to.include({ seq: 1, debt: 1, limit: 3, disputed: true })
  })
})

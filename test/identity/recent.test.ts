import { expect } from 'chai'
import { recent } from '../../src/identity/recent.ts'

describe('what was lately computed', () => {
  /** @returns how often each was made, in the order of asking */
  const made = (limit: number, asked: string): string => {
    const remembered = recent<string>(limit)
    let all = ''
    for (const key of asked)
      remembered(key, () => {
        all += key
        return key
      })
    return all
  }
  const cases: [what: string, asked: string, made: string][] = [
    ['is not computed twice', 'aabbab', 'ab'],
    ['is forgotten when there is no room, the oldest first', 'abca', 'abca'],
    ['but not what was used meanwhile', 'abacab', 'abcb'],
  ]
  for (const [what, asked, expected] of cases) it(what, () => expect(made(2, asked)).to.equal(expected))

  it('is forgotten if it failed, and whoever waited hears so', async () => {
    const remembered = recent<Promise<string>>(2)
    const fails = () => Promise.reject(new Error('no'))
    const waiting = [remembered('a', fails), remembered('a', () => Promise.resolve('never asked'))]
    const ends = await Promise.allSettled(waiting)
    expect(ends.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
    expect(await remembered('a', () => Promise.resolve('again'))).to.equal('again')
  })
})

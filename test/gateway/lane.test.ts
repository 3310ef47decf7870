import { expect } from 'chai'
import type { Searches } from '../../gateway/carry/searches.ts'
import type { Core } from '../../gateway/core.ts'
import { openLane } from '../../gateway/engine/lane.ts'
import { openPerformer } from '../../gateway/engine/perform.ts'
import { until } from '../../scripts/neighbourhood.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { bob, r, row, s, stranger, world } from '../custody/rows.ts'

describe('a lane', () => {
  /** Tasks that run until they are let go. */
  const scene = (width: number, share?: number) => {
    const lane = openLane(width, () => {}, share)
    const running = new Map<string, () => void>()
    const begun: string[] = []
    const enter = (key: string, who?: string) =>
      lane.enter(
        key,
        () => {
          begun.push(who === undefined ? key : `${key} for ${who}`)
          return new Promise((resolve) => running.set(key, resolve))
        },
        who,
      )
    const end = async (key: string) => {
      running.get(key)?.()
      running.delete(key)
      await new Promise(setImmediate)
    }
    return { lane, enter, end, begun }
  }

  it('runs so many at once, the others in their turn, and one asked for again once more afterwards', async () => {
    const { enter, end, begun } = scene(2)
    for (const key of ['a', 'b', 'c', 'a', 'a']) enter(key)
    expect(begun).to.deep.equal(['a', 'b'])
    await end('a')
    await end('b')
    expect(begun).to.deep.equal(['a', 'b', 'c', 'a'])
  })

  it('leaves room beside those who keep theirs waiting', async () => {
    const { enter, end, begun } = scene(4, 2)
    for (const key of ['a', 'b', 'c', 'd']) enter(key, 'slow')
    enter('e', 'quick')
    expect(begun).to.deep.equal(['a for slow', 'b for slow', 'e for quick'])
    await end('e')
    enter('f', 'quick')
    await end('a')
    expect(begun.slice(3)).to.deep.equal(['f for quick', 'c for slow'])
  })

  it('where all of it is taken lets them take turns', async () => {
    const { enter, end, begun } = scene(1)
    enter('a', 'x')
    for (const key of ['b', 'c']) enter(key, 'x')
    for (const key of ['d', 'e']) enter(key, 'y')
    for (const key of ['a', 'b', 'd', 'c']) await end(key)
    expect(begun).to.deep.equal(['a for x', 'b for x', 'd for y', 'c for x', 'e for y'])
  })

  it('runs what waits for somebody else by now for that one alone', async () => {
    const { enter, end, begun } = scene(1)
    enter('a', 'x')
    enter('b', 'x')
    enter('b', 'y')
    await end('a')
    await end('b')
    expect(begun).to.deep.equal(['a for x', 'b for y'])
  })

  it('closed, starts nothing more and waits for what runs', async () => {
    const { lane, enter, end, begun } = scene(1)
    enter('a')
    enter('b')
    let isClosed = false
    const closing = lane.close().then(() => {
      isClosed = true
    })
    await new Promise(setImmediate)
    expect(isClosed).to.equal(false)
    await end('a')
    await closing
    expect(begun).to.deep.equal(['a'])
  })
})

const MB = 2 ** 20

describe('sealing', () => {
  it('of large messages, however many, leaves room for small ones', async () => {
    const state = world()
    const sought: string[] = []
    const range = (_sql: string, [[to = ''] = []]: string[][]) => {
      sought.push(to)
      return new Promise(() => {})
    }
    const keyring = { entity: () => ({}) }
    const core = { keyring, engine: { state }, store: { db: { read: { range } } } }
    const { perform } = openPerformer(core as unknown as Core, {} as Searches, async () => {})
    const bring = (to: string, size: number, count: number) => {
      for (let i = 0; i < count; i++) {
        const key = `${to}/${i}`
        state.custody.set(key, row({ key, state: 'spooled', to, size }))
        perform({ do: 'seal', key })
      }
    }
    bring(bob, 2 * MB, 40)
    bring(stranger, 100, 1)
    await until('the small one begins', async () => sought.includes(stranger))
    expect(sought.filter((to) => to === bob)).to.have.length(16)
  })
})

describe('hand-overs under way', () => {
  it('to a neighbour that is slow keep none to another waiting, and large ones no small ones', async () => {
    const state = world()
    const handed: string[] = []
    const hand = (to: string) => {
      handed.push(to)
      return new Promise(() => {})
    }
    const agent = generateAgent()
    const engine = { state }
    const core = { agent, net: 'test', keyring: { former: [] }, engine, link: { hand }, now: Date.now }
    const { perform } = openPerformer(core as unknown as Core, {} as Searches, async () => {})
    const bring = (next: string, size: number, count: number) => {
      for (let i = 0; i < count; i++) {
        const key = `${next}/${size}/${i}`
        state.custody.set(key, row({ key, state: 'handing', next, size }))
        perform({ do: 'hand', key, to: next })
      }
    }
    const to = (who: string) => handed.filter((one) => one === who).length
    bring(r, MB, 200)
    bring(r, 100, 200)
    bring(s, MB, 1)
    bring(s, 100, 1)
    await until('all begin that need not wait', async () => to(s) === 2 && to(r) === 4 + 128)
  })
})

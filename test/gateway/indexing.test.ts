import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import { startIndexing } from '../../gateway/indexing.ts'
import { createLog } from '../../gateway/log.ts'
import { until } from '../../scripts/neighbourhood.ts'
import { letter, startTestImap, type TestImap } from '../imap/server.ts'

describe('keeping the full-text index', () => {
  let imap: TestImap
  let lines: string[]
  const log = createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) })
  beforeEach(async () => {
    lines = []
    imap = await startTestImap()
  })
  afterEach(() => imap.close())

  it('what was there, and what comes, is in it soon', async () => {
    const { store, deliver } = imap
    await deliver('INBOX', [letter(1), letter(2)])
    const stop = startIndexing(store, log)
    await until('both are in', async () => (await store.texts.upTo()) === 2)
    await deliver('INBOX', [letter(3)])
    await until('the third is', async () => (await store.texts.upTo()) === 3)
    await stop()
    await deliver('INBOX', [letter(4)])
    expect(await store.texts.upTo()).to.equal(3)
    expect(lines).to.deep.equal([])
  })

  it('a batch that takes long is alone, and what came meanwhile is in the next, soon', async () => {
    const { store, deliver } = imap
    let [running, most] = [0, 0]
    const texts = {
      ...store.texts,
      async add(...args: Parameters<typeof store.texts.add>) {
        most = Math.max(most, ++running)
        await wait(1000)
        await store.texts.add(...args)
        running--
      },
    }
    await deliver('INBOX', [letter(1)])
    const stop = startIndexing({ db: store.db, texts }, log)
    await until('it is at work', async () => running > 0)
    await deliver('INBOX', [letter(2)])
    await until('both are in', async () => (await store.texts.upTo()) === 2)
    await stop()
    expect([most, lines]).to.deep.equal([1, []])
  })

  it('once all is in, words are forgotten, look by look', async () => {
    const { store, deliver } = imap
    await deliver('INBOX', [letter(1)])
    const seen: [after: string, upTo: number][] = []
    const texts = {
      ...store.texts,
      forgetWords: async (after: string) => {
        seen.push([after, await store.texts.upTo()])
        return after === '' ? 'lunch' : undefined
      },
    }
    const stop = startIndexing({ db: store.db, texts }, log, 1)
    await until('it has looked twice', async () => seen.length >= 2)
    await stop()
    expect(seen.slice(0, 2)).to.deep.equal([
      ['', 1],
      ['lunch', 1],
    ])
    expect(lines).to.deep.equal([])
  })

  it('words are forgotten also where no gateway runs for a day', async () => {
    const { store, deliver } = imap
    await deliver('INBOX', [letter(1)])
    let looks = 0
    const texts = {
      ...store.texts,
      forgetWords: async () => {
        looks++
        return undefined
      },
    }
    const stop = startIndexing({ db: store.db, texts }, log, 86_400_000, 1)
    await until('it has looked', async () => looks > 0)
    await stop()
    expect([looks, lines]).to.deep.equal([1, []])
  })

  it('a broken one is thrown away, any other trouble is only logged', async () => {
    const { store } = imap
    for (const [code, resets] of [
      ['SQLITE_CORRUPT', 1],
      ['SQLITE_BUSY', 0],
    ] as const) {
      let count = 0
      const broken = {
        ...store.texts,
        upTo: () => Promise.reject(Object.assign(new Error(code), { code })),
        reset: async () => void count++,
      }
      lines = []
      const stop = startIndexing({ db: store.db, texts: broken }, log)
      await until('it is told', async () => lines.length > 0)
      await stop()
      expect([lines.length, count]).to.deep.equal([1, resets])
      expect(lines[0]).to.include('index-failed')
    }
  })
})

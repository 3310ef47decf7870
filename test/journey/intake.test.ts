/** A gateway that is killed while more mail comes than it delivers, and while it delivers that: what 250 was said to is there, once. */
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { letter, RawSmtp, readAll, startLine, type Web } from './web.ts'

const CLIENTS = 20
const LETTERS = 1000

describe('many letters at once, and SIGKILLs', function () {
  this.timeout(60_000)
  let web: Web
  before(async () => {
    web = await startLine(['a'], { messages_per_minute: '100000' })
  })
  after(() => web?.close())

  it('every letter that was taken is delivered, once', async () => {
    const { a, ann } = web
    const taken: string[] = []
    const write = async (client: RawSmtp, from: number) => {
      for (let n = from; ; n++) {
        const reply = await client.submit(ann.address, [ann.address], letter(ann, ann.address, `${n}`))
        if (!reply.startsWith('250')) throw new Error(reply)
        taken.push(`${n}`)
      }
    }
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawSmtp.logIn(a, ann)))
    const ended = Promise.allSettled(clients.map((client, i) => write(client, i * 1_000_000)))
    await until('so many are taken', async () => taken.length >= LETTERS)
    await a.stop('SIGKILL')
    await ended
    for (let again = 0; again < 3; again++) {
      await a.start() // which begins to deliver them
      await a.stop('SIGKILL')
    }
    await a.start()
    expect(a.log()).to.include('"event":"taken-up"')
    const subjects = async () => (await readAll(a, ann, 'INBOX')).map(({ subject }) => subject)
    await until('all are there', async () => {
      const there = new Set(await subjects())
      return taken.every((subject) => there.has(subject))
    })
    const found = await subjects()
    expect(found.length).to.equal(new Set(found).size)
  })
})

/** Mail that is to go later (FUTURERELEASE, RFC 4865): kept over a restart, shown in the queue, taken back. */
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { idOf, letter, RawSmtp, readAll, startLine, type Web } from './web.ts'

/** Time to look at the queue. If the restart takes longer than that, it went while nobody was there to carry it. */
const HELD_SECONDS = 6

describe('mail that is held', function () {
  this.timeout(90_000)
  let web: Web
  before(async () => {
    web = await startLine(['a', 'b'])
  })
  after(() => web.close())

  const send = async (subject: string, seconds: number) => {
    const client = await RawSmtp.logIn(web.a, web.ann)
    const to = [web.bob.address, web.ann.address]
    const answer = await client.submit(
      web.ann.address,
      to,
      letter(web.ann, web.bob.address, subject),
      ` HOLDFOR=${seconds}`,
    )
    expect(answer).to.match(/^250 /)
    client.close()
  }
  const subjects = async (folder: string, to: 'a' | 'b' = 'a') =>
    (await readAll(web[to], to === 'a' ? web.ann : web.bob, folder)).map(({ subject }) => subject)

  it('goes at its time, over a restart, to people here and elsewhere', async () => {
    const sent = Date.now()
    await send('later', HELD_SECONDS)
    const queue = await web.a.ask<{ why: string; messageId: string }[]>('queue.list', {})
    expect(queue.map(({ messageId }) => messageId)).to.deep.equal([idOf('later'), idOf('later')])
    for (const { why } of queue) expect(why).to.match(/^held until 20.*, as its sender asked$/)
    await web.a.stop()
    await web.a.start()
    await until('both have it', async () => {
      const found = [await subjects('INBOX'), await subjects('Requests', 'b')]
      const isEarly = found.flat().includes('later') && Date.now() < sent + HELD_SECONDS * 1000
      expect(isEarly, 'it went too early').to.equal(false)
      return found.every((all) => all.includes('later'))
    })
    await until('nothing is left', async () => (await web.a.ask<unknown[]>('queue.list', {})).length === 0)
    expect((await subjects('INBOX')).filter((subject) => subject === 'later')).to.have.lengthOf(1)
  })

  it('is taken back by queue drop, and its sender hears so', async () => {
    await send('never', 3600)
    await web.a.run(['queue', 'drop', idOf('never')])
    await until(
      'there are notices',
      async () => (await subjects('INBOX')).filter((one) => one?.includes('never')).length === 2,
    )
    expect(await web.a.run<unknown[]>(['queue', 'list'])).to.deep.equal([])
  })
})

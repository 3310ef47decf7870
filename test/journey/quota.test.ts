/** A letter for a mailbox that is full is not lost: it waits with whoever sent it until there is room. */
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { awaitMessages, letter, RawSmtp, readAll, startLine, type Web } from './web.ts'

const unlessEnded = (error: Error): void => {
  if (!error.message.includes('has ended')) throw error
}

describe('a full mailbox', function () {
  this.timeout(60_000)
  let web: Web
  let ann: RawSmtp
  before(async () => {
    web = await startLine(['a', 'b'])
    ann = await RawSmtp.logIn(web.a, web.ann)
    // As long as it is empty one message comes in, however large.
    await web.b.run(['user', 'quota', 'bob', '1 B'])
  })
  after(async () => {
    ann?.close()
    await web?.close()
  })
  const submit = (subject: string) =>
    ann.submit(web.ann.address, [web.bob.address], letter(web.ann, web.bob.address, subject))

  it('lets mail wait at the sender, who may go on writing', async () => {
    expect(await submit('first')).to.match(/^250 /)
    await awaitMessages(web.b, web.bob, 'Requests', 1)
    expect(await submit('second')).to.match(/^250 /)
    await until('A was told to wait', async () =>
      (await web.a.ask<{ state: string; attempts: number }[]>('queue.list', {})).some(
        ({ state, attempts }) => state === 'waiting' && attempts > 0,
      ),
    )
    expect(await readAll(web.b, web.bob, 'Requests')).to.have.length(1)
  })

  it('and it comes once there is room', async () => {
    await web.b.run(['user', 'quota', 'bob', 'usual'])
    const all = await web.a.run<{ key: string; state: string }[]>(['queue', 'list'])
    // It may have been tried again by itself between the two commands, and need no retry.
    const retry = (key: string) => web.a.run(['queue', 'retry', key]).catch(unlessEnded)
    for (const { key } of all.filter(({ state }) => state === 'waiting')) await retry(key)
    const got = await awaitMessages(web.b, web.bob, 'Requests', 2)
    expect(got.map(({ subject }) => subject).sort()).to.deep.equal(['first', 'second'])
  })

  it('says so at once to somebody who writes from the same gateway', async () => {
    const bob = await RawSmtp.logIn(web.b, web.bob)
    await web.b.run(['user', 'quota', 'bob', '1 B'])
    expect(await bob.say(`MAIL FROM:<${web.bob.address}>`)).to.match(/^250 /)
    expect(await bob.say(`RCPT TO:<${web.bob.address}>`)).to.match(/^452 4\.2\.2 /)
    bob.close()
  })
})

/** A gateway that hands mail to Debian's Cyrus instead of keeping it: it has no SMTPUTF8, and a mailbox is made by the first letter. */
import { expect } from 'chai'
import { temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { idOf, letter, RawSmtp, startLine, type Web } from '../journey/web.ts'
import { type Cyrus, startCyrus } from './cyrus.ts'
import { need, needRoot } from './need.ts'

describe('mail kept by Cyrus', function () {
  this.timeout(120_000)
  let web: Web
  let cyrus: Cyrus
  before(async function () {
    need(this, 'cyrmaster', 'cyrus-common')
    needRoot(this, 'Cyrus')
    cyrus = await startCyrus(temporaryFolder())
    web = await startLine(['a', 'b'], { lmtp: `"127.0.0.1:${cyrus.lmtp}"` })
  })
  after(async () => {
    await web?.close()
    await cyrus?.stop()
  })

  const send = async (to: string, subject: string) => {
    const client = await RawSmtp.logIn(web.a, web.ann)
    expect(await client.submit(web.ann.address, [to], letter(web.ann, to, subject))).to.match(/^250 /)
    client.close()
  }
  const subjects = ({ address }: Web['ann']) => cyrus.subjects(address).toSorted()

  it('over the web and within a gateway it is there once, and its sender hears of it', async () => {
    await send(web.bob.address, 'over the web')
    await send(web.bob.address, 'another')
    await send(web.ann.address, 'to myself')
    await until('bob has both', async () => subjects(web.bob).length === 2)
    await until('ann has hers', async () => subjects(web.ann).length === 1)
    expect(subjects(web.bob)).to.deep.equal(['another', 'over the web'])
    expect(subjects(web.ann)).to.deep.equal(['to myself'])
    await until('it is reported', async () => {
      const [trail] = await web.a.ask<{ outcome: { event: string } | null }[]>('queue.show', {
        id: idOf('over the web'),
      })
      return trail?.outcome?.event === 'delivered'
    })
  })
})

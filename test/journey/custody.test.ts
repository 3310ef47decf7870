/** Who has custody when 250 is said, where the gateway waits for that (`smtp.wait_for_custody`). */
import { expect } from 'chai'
import { letter, RawSmtp, startLine, type Web } from './web.ts'

describe('250 says who has custody', function () {
  this.timeout(60_000)
  let web: Web
  before(async () => {
    web = await startLine(['a', 'r', 'b'], { wait_for_custody: '"2 s"' })
  })
  after(() => web.close())

  const send = async (to: string[], subject: string): Promise<string> => {
    const client = await RawSmtp.logIn(web.a, web.ann)
    const answer = await client.submit(web.ann.address, to, letter(web.ann, web.bob.address, subject))
    client.close()
    return answer
  }

  it('the next gateway, by its signed receipt', async () => {
    const { agent } = (await web.gateways[1]?.run<{ agent: string }>(['key', 'show'])) ?? { agent: '' }
    expect(await send([web.bob.address], 'one')).to.match(
      new RegExp(`^250 2\\.0\\.0 Accepted as [0-9a-f]{32}, in custody of ${agent.slice(0, 12)}$`),
    )
  })

  it('nothing of it for mail that stays here', async () => {
    expect(await send([web.ann.address], 'two')).to.match(/^250 2\.0\.0 Accepted as [0-9a-f]{32}$/)
  })

  it('we ourselves, when nobody has signed in time', async () => {
    await web.gateways[1]?.stop()
    const before = Date.now()
    expect(await send([web.bob.address, web.ann.address], 'three')).to.match(/, in custody here$/)
    expect(Date.now() - before).to.be.at.least(1900)
  })
})

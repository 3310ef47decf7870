/** A person's subkeys are renewed while letters are under way. */
import { expect } from 'chai'
import { createLog } from '../../gateway/log.ts'
import { openHouse } from '../../gateway/main.ts'
import { readCard } from '../../src/identity/card.ts'
import { cards } from '../../store/web.ts'
import { awaitMessages, letter, RawSmtp, startLine, type Web } from './web.ts'

describe('renewed subkeys', function () {
  this.timeout(60_000)
  let web: Web
  before(async () => {
    web = await startLine(['a', 'r', 'b'])
  })
  after(() => web?.close())

  type Key = { entity: string; words: string; ends: number | null }
  const write = async (from: 'ann' | 'bob', subject: string) => {
    const [gateway, person, to] = from === 'ann' ? [web.a, web.ann, web.bob] : [web.b, web.bob, web.ann]
    const smtp = await RawSmtp.logIn(gateway, person)
    expect(await smtp.submit(person.address, [to.address], letter(person, to.address, subject))).to.match(/^250 /)
    smtp.close()
  }

  it('lose no letter: what was sealed for the old ones opens, and the next is sealed for the new', async () => {
    await write('ann', 'before')
    await awaitMessages(web.b, web.bob, 'Requests', 1)
    await write('bob', 'answer')
    await awaitMessages(web.a, web.ann, 'INBOX', 1)

    // Sealed for the old key, and under way while it is renewed.
    await web.b.stop()
    await write('ann', 'meanwhile')
    const before = await web.b.run<{ entities: Key[] }>(['key', 'show'])
    const renewed = await web.b.run<Key>(['key', 'rotate', 'bob', '--expires', '400 d'])
    expect(before.entities[0]).to.include({ entity: renewed.entity, words: renewed.words, ends: null })
    expect(Number(renewed.ends) - Date.now()).to.be.within(399 * DAY, 400 * DAY)
    await web.b.start()
    await awaitMessages(web.b, web.bob, 'INBOX', 1)

    // His next letter brings his new card, and she answers by it.
    await write('bob', 'with the new card')
    await awaitMessages(web.a, web.ann, 'INBOX', 2)
    await write('ann', 'after')
    const inbox = await awaitMessages(web.b, web.bob, 'INBOX', 2)
    expect(inbox.map((one) => one.subject)).to.deep.equal(['meanwhile', 'after'])

    await web.a.stop()
    const house = await openHouse(web.a.home, { log: createLog({ level: 'silent', format: 'json' }) })
    const [known] = await cards.load(house.store.db, [renewed.entity])
    await house.close()
    const { expires } = await readCard(known?.card ?? '', 'journey', Date.now())
    expect(expires).to.equal(renewed.ends)
  })
})

const DAY = 86_400_000

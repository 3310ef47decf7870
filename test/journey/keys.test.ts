/** Keys in the life of two people: renewed while letters are under way, about to end, lost and made anew. */
import { expect } from 'chai'
import { createLog } from '../../gateway/log.ts'
import { openHouse } from '../../gateway/rooms.ts'
import { sleep, until } from '../../scripts/neighbourhood.ts'
import { readCard } from '../../src/identity/card.ts'
import { cards } from '../../store/web.ts'
import { vouchsafe } from '../cli/command.ts'
import { awaitMessages, letter, RawSmtp, startLine, type Web } from './web.ts'

describe('keys', function () {
  this.timeout(60_000)
  let web: Web
  before(async () => {
    web = await startLine(['a', 'r', 'b'])
  })
  after(() => web?.close())
  const textOf = (source: Buffer | undefined) => source?.toString().replace(/\s+/g, ' ') ?? ''

  type Key = { entity: string; words: string; ends: number | null }
  const write = async (from: 'ann' | 'bob', subject: string) => {
    const [gateway, person, to] = from === 'ann' ? [web.a, web.ann, web.bob] : [web.b, web.bob, web.ann]
    const smtp = await RawSmtp.logIn(gateway, person)
    expect(await smtp.submit(person.address, [to.address], letter(person, to.address, subject))).to.match(/^250 /)
    smtp.close()
  }

  it('renewed subkeys lose no letter: what was sealed for the old ones opens, and the next is sealed for the new', async () => {
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
    await web.a.start()
  })

  it('one that ends soon is told to its owner, in status, and to whoever reads the metrics; renewed, all is well', async () => {
    await sleep(1000) // subkeys are told apart by the second they were made in
    await web.a.run(['key', 'rotate', 'ann', '--expires', '20 d'])
    await web.a.stop()
    await web.a.start()
    const inbox = await awaitMessages(web.a, web.ann, 'INBOX', 3)
    expect(inbox.at(-1)?.subject).to.match(/^Your key ends in (19|20) days$/)
    const metric = async () =>
      /^vouchsafe_keys_ending (\d)$/m.exec(
        await (await fetch(`http://127.0.0.1:${web.a.ports.health}/metrics`)).text(),
      )?.[1]
    await until('the metric shows it', async () => (await metric()) === '1')
    expect(await statusOf()).to.match(/the key of ann@a\.test ends in \d\d days: \S+ --home \S+ key rotate ann@a\.test/)
    await web.a.run(['key', 'rotate', 'ann'])
    expect(await statusOf()).not.to.match(/key rotate/)
  })

  const statusOf = async () => (await vouchsafe(web.a.home, ['status'])).out

  it('a new primary key is shown to correspondents, and held until a person decides', async () => {
    const [before] = await web.a.run<Contact[]>(['contact', 'list'])
    await web.b.run(['user', 'remove', 'bob', '--yes'])
    web.bob = await web.b.addUser('bob', 'bob-s password')
    await write('bob', 'I had to make a new key')
    await awaitMessages(web.a, web.ann, 'Requests', 1)
    const [told] = (await awaitMessages(web.a, web.ann, 'INBOX', 4)).slice(-1)
    const [contact] = await web.a.run<Contact[]>(['contact', 'list'])
    expect(contact).to.include({ entity: before?.entity, words: before?.words })
    for (const words of [before?.words, contact?.rival?.words]) expect(textOf(told?.source)).to.include(`"${words}"`)

    const trust = ['contact', 'trust', web.bob.address, '--words']
    const said = await web.a.run([...trust, contact?.rival?.words ?? '']).catch((error: Error) => error.message)
    expect(said).to.include(`contact forget ${web.bob.address}`)
    await web.a.run(['contact', 'forget', web.bob.address])
    await write('ann', 'for the new key')
    expect((await awaitMessages(web.b, web.bob, 'INBOX', 1))[0]?.subject).to.equal('for the new key')
    await web.a.run([...trust, contact?.rival?.words ?? ''])
  })
})

type Contact = { entity: string; words: string; rival?: { words: string } }

const DAY = 86_400_000

/** Two gateways that know each other's address, so both dial: whatever happens to either, one connection is left. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { befriend, Gateway, type Person, temporaryFolder, trust, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { awaitMessages, letter, RawSmtp } from '../journey/web.ts'

describe('a link of running gateways', function () {
  this.timeout(120_000)
  const both: Gateway[] = []
  const people: Person[] = []

  before(async () => {
    const folder = temporaryFolder()
    const base = await freePortBase(2)
    for (const [i, name] of ['a', 'b'].entries()) {
      const made = new Gateway(folder, name, `${name}.test`, base + 100 * i)
      await made.init('--net', 'journey', '--plain-loopback')
      people.push(await made.addUser('kim', 'a long password'))
      await made.start()
      both.push(made)
    }
    const [[a, b], [ann, bob]] = [both, people]
    if (!a || !b || !ann || !bob) throw new Error('two of each')
    await befriend(a, b)
    await Promise.all([trust(a, ann, bob.address), trust(b, bob, ann.address)])
  })
  after(async () => void (await Promise.all(both.map((one) => one.stop()))))

  const isUp = async (one: Gateway) => (await one.ask<{ up: boolean }[]>('link.list', {})).every(({ up }) => up)
  const areUp = () => until('both are linked', async () => (await Promise.all(both.map(isUp))).every(Boolean), 60_000)
  /** Connections that one of them has accepted at its link port: `local_address rem_address st`, 01 is established. */
  const connections = (): number => {
    const ports = both.map(({ ports }) => ports.link.toString(16).toUpperCase().padStart(4, '0'))
    const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n')
    return rows
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => row[3] === '01' && ports.some((port) => row[1]?.endsWith(`:${port}`))).length
  }
  const isOne = () => until('one connection is left', async () => connections() === 1)
  let letters = 0
  const writeBothWays = async () => {
    letters += 1
    for (const [i, from] of both.entries()) {
      const [sender, reader, to] = [people[i], people[1 - i], both[1 - i]]
      if (!sender || !reader || !to) throw new Error('two of each')
      const client = await RawSmtp.logIn(from, sender)
      const text = letter(sender, reader.address, `letter ${letters}`)
      expect(await client.submit(sender.address, [reader.address], text)).to.match(/^250 /)
      client.close()
      await awaitMessages(to, reader, 'INBOX', letters)
    }
  }

  it('is one connection, over which both write', async () => {
    await areUp()
    await isOne()
    await writeBothWays()
  })

  it('is one connection when both are started at once, and so dial at once', async () => {
    await Promise.all(both.map((one) => one.stop()))
    await Promise.all(both.map((one) => one.start()))
    await areUp()
    await isOne()
    await writeBothWays()
  })

  for (const which of [0, 1])
    it(`comes back when ${which === 0 ? 'one' : 'the other'} was killed`, async () => {
      const [killed, other] = [both[which], both[1 - which]]
      if (!killed || !other) throw new Error('two of them')
      await killed.stop('SIGKILL')
      await until('the other sees it', async () => !(await isUp(other)), 60_000)
      await killed.start()
      await areUp()
      await isOne()
      await writeBothWays()
    })
})

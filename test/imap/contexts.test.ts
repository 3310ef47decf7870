import { connect } from 'node:net'
import { expect } from 'chai'
import { Client } from '../dialogue/run.ts'
import { type Random, seeded } from '../village/random.ts'
import { startTestImap } from './server.ts'

const searches = [
  'UID SEARCH RETURN (%) UNSEEN',
  'SEARCH RETURN (%) OR KEYWORD work SUBJECT fig',
  'SEARCH RETURN (%) NOT (DELETED LARGER 150)',
  'UID SEARCH RETURN (%) OR UID 30:* FLAGGED',
  'UID SORT RETURN (%) (SUBJECT REVERSE DATE) UTF-8 ALL',
  'UID SORT RETURN (%) (REVERSE FROM SIZE) UTF-8 UNSEEN',
  'SORT RETURN (%) (REVERSE ARRIVAL) UTF-8 NOT KEYWORD work',
  'SORT RETURN (%) (DATE) UTF-8 OR FLAGGED BODY hello',
] as const

/** What a client knows of a search whose updates it follows, by RFC 5267 §4.3.3 and §4.3.4 alone. */
class Follower {
  readonly search: string
  list: number[] = []

  constructor(search: string) {
    this.search = search
  }

  hear(line: string): void {
    for (const [, what, places = ''] of line.matchAll(/ (ADDTO|REMOVEFROM) \(([\d:, ]+)\)/g))
      for (const [, at, set = ''] of places.matchAll(/(\d+) ([\d:,]+)/g)) {
        const numbers = numbersOf(set)
        if (what === 'REMOVEFROM') this.remove(Number(at), numbers)
        else if (at === '0') this.list = [...this.list, ...numbers].sort((a, b) => a - b)
        else this.list.splice(Number(at) - 1, 0, ...numbers)
      }
  }

  /** Message numbers after this one move down. */
  expunge(number: number): void {
    if (this.search.startsWith('UID')) return
    expect(this.list, 'an expunged message is gone from the result before').not.to.include(number)
    this.list = this.list.map((each) => (each > number ? each - 1 : each))
  }

  private remove(at: number, numbers: readonly number[]): void {
    const there =
      at === 0 ? this.list.filter((each) => numbers.includes(each)) : this.list.slice(at - 1).slice(0, numbers.length)
    expect(there, `${this.search}: what is removed stands there`).to.deep.equal(numbers)
    if (at === 0) this.list = this.list.filter((each) => !numbers.includes(each))
    else this.list.splice(at - 1, numbers.length)
  }
}

const numbersOf = (set: string): number[] =>
  set.split(',').flatMap((run) => {
    const [from = 0, to = from] = run.split(':').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })

describe('contexts', () => {
  for (const [seed, isTold] of [
    [1, 'EXPUNGE'],
    [2, 'EXPUNGE'],
    [3, 'VANISHED'],
    [4, 'VANISHED'],
    [5, 'unasked'],
    [6, 'unasked'],
  ] as const)
    it(`a client that follows the updates knows what a new search would tell it (${isTold}, seed ${seed})`, async () => {
      const imap = await startTestImap()
      const random = seeded(seed)
      const follower = new Following(new Client(connect(imap.port, '127.0.0.1')))
      const other = new Client(connect(imap.port, '127.0.0.1'))
      const ask = (command: string) => answered(other, `o ${command}`)
      for (const run of [(text: string) => follower.ask(text), ask]) {
        await run('LOGIN ann@a.test secret')
        if (isTold === 'VANISHED') await run('ENABLE QRESYNC')
        await run('SELECT INBOX')
      }
      if (isTold === 'unasked') await follower.ask('NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))')
      await imap.deliver('INBOX', letters(random, 8))
      await follower.ask('NOOP')
      // VANISHED tells no numbers: who keeps a list of them does not ask for it.
      for (const search of searches)
        if (isTold !== 'VANISHED' || search.startsWith('UID')) await follower.follow(search)
      for (let round = 0; round < 25; round++) {
        for (let i = random.between(1, 5); i > 0; i--) {
          if (random.chance(0.3)) await imap.deliver('INBOX', letters(random, random.between(1, 3)))
          // Numbers are told of in the midst of it, too, with and without EXPUNGE.
          else if (random.chance(0.4)) await follower.ask(random.pick(['NOOP', 'SEARCH SEEN', 'FETCH 1 UID']))
          else await (random.chance(0.7) ? ask : (text: string) => follower.ask(text))(changeOf(random))
        }
        await follower.ask('NOOP')
        await follower.check()
      }
      follower.client.socket.destroy()
      other.socket.destroy()
      await imap.close()
    }).timeout(20_000)

  it('a session keeps sixteen, and is told so when it asks for more', async () => {
    const imap = await startTestImap()
    const client = new Client(connect(imap.port, '127.0.0.1'))
    await answered(client, 'a LOGIN ann@a.test secret')
    await answered(client, 'b SELECT INBOX')
    for (let i = 1; i <= 16; i++)
      expect(await answered(client, `t${i} SEARCH RETURN (UPDATE COUNT) ALL`)).to.have.length(1)
    const [answer, refusal] = await answered(client, 'more SEARCH RETURN (UPDATE COUNT) ALL')
    expect(answer).to.equal('* ESEARCH (TAG "more") COUNT 0')
    expect(refusal).to.match(/^\* NO \[NOUPDATE "more"\] /)
    await answered(client, 'c CANCELUPDATE "t7"')
    expect(await answered(client, 'more SEARCH RETURN (UPDATE COUNT) ALL')).to.have.length(1)
    client.socket.destroy()
    await imap.close()
  })
})

/** The session that follows all of them. */
class Following {
  readonly client: Client
  private readonly all = new Map<string, Follower>()
  private tags = 0

  constructor(client: Client) {
    this.client = client
  }

  async ask(command: string): Promise<string[]> {
    const lines = await answered(this.client, `t${++this.tags} ${command}`)
    for (const line of lines) this.hear(line)
    return lines
  }

  async follow(search: string): Promise<void> {
    const follower = new Follower(search)
    follower.list = found(await this.ask(search.replace('%', 'UPDATE ALL')))
    this.all.set(`t${this.tags}`, follower)
  }

  async check(): Promise<void> {
    for (const { search, list } of this.all.values()) {
      const now = found(await this.ask(search.replace('%', 'ALL')))
      expect(list, search).to.deep.equal(now)
    }
  }

  private hear(line: string): void {
    const [, tag = ''] = /^\* ESEARCH \(TAG "(t\d+)"\)/.exec(line) ?? []
    this.all.get(tag)?.hear(line)
    const [, number] = /^\* (\d+) EXPUNGE/.exec(line) ?? []
    if (number) for (const each of this.all.values()) each.expunge(Number(number))
  }
}

const answered = async (client: Client, command: string): Promise<string[]> => {
  client.send(command)
  const tag = command.slice(0, command.indexOf(' ') + 1)
  const lines: string[] = []
  for (;;) {
    const line = await client.line()
    if (line === undefined) throw new Error(`closed in answer to ${command}`)
    if (line.startsWith(tag)) {
      expect(line, command).to.match(/^\w+ (OK|NO \[EXPUNGEISSUED\])/)
      return lines
    }
    lines.push(line)
  }
}

const found = (lines: readonly string[]): number[] => {
  const [, set = ''] = /ALL ([\d:,]+)/.exec(lines.find((line) => line.startsWith('* ESEARCH')) ?? '') ?? []
  return set === '' ? [] : numbersOf(set)
}

const changeOf = (random: Random): string => {
  const some = `${random.between(1, 4)}:${random.between(1, 40)}`
  const flags = random.pick(['\\Seen', '\\Flagged', 'work', '\\Deleted', '\\Answered'])
  if (random.chance(0.25)) return 'EXPUNGE'
  if (random.chance(0.15)) return `UID MOVE ${random.between(1, 60)} Archive`
  return `UID STORE ${random.chance(0.5) ? random.between(1, 60) : some} ${random.pick(['+', '-', ''])}FLAGS.SILENT (${flags})`
}

const letters = (random: Random, count: number) =>
  Array.from({ length: count }, () => ({
    at: Date.UTC(2026, 0, random.between(1, 20)),
    flags: random.chance(0.3) ? 1 : 0,
    bytes: [
      `From: ${random.pick(['zoe', 'bob', 'Mia'])}@b.test`,
      `Subject: ${random.pick(['', 'Re: '])}${random.pick(['apple', 'Pear', 'fig', 'plum'])}`,
      `Date: ${new Date(Date.UTC(2026, 0, random.between(1, 9))).toUTCString()}`,
      '',
      `${random.pick(['Hello', 'Bye'])} ${'x'.repeat(random.between(0, 90))}`,
      '',
    ].join('\r\n'),
  }))

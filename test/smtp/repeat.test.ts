/**
 * RFC 5321 §4.5.3.2.6 has clients wait ten minutes for the answer to their final dot, since one that gives up and sends
 * again makes two of a message. What is meant twice stays two.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Attempt, openRepeats, type Repeat, type Repeats } from '../../gateway/smtp/repeat.ts'
import { INLINE_MAX } from '../../store/spool.ts'
import { alice, type Edge, openEdge, Raw } from './edge.ts'

const MINUTE = 60_000
const begun = (found: Repeat | Attempt): Attempt => {
  if ('before' in found) throw new Error(`it was taken for a repeat of ${found.before}`)
  return found
}
const repeated = (found: Repeat | Attempt): Repeat => {
  if (!('before' in found)) throw new Error('it was taken for another')
  return found
}

describe('smtp: a message that comes again', () => {
  let now = 0
  const here = () => false
  const gone = () => true

  type Ending = (attempt: Attempt) => void
  const cases: [what: string, end: Ending, isGone: () => boolean, again: string][] = [
    ['its answer was lost: the same', (it) => [it.taken('1'), it.lost()], here, '1'],
    ['its client was gone before the answer: the same', (it) => it.taken('1'), gone, '1'],
    ['its answer was heard: another', (it) => [it.taken('1'), it.heard()], here, 'another'],
    ['its client is there still, and may have heard it: another', (it) => it.taken('1'), here, 'another'],
    ['it was refused: another', (it) => it.failed(), gone, 'another'],
  ]
  for (const [what, end, isGone, again] of cases)
    it(what, async () => {
      const repeats = openRepeats(() => now)
      end(begun(await repeats.begin('a', isGone)))
      const found = await repeats.begin('a', here)
      expect('before' in found ? found.before : 'another').to.equal(again)
    })

  it('while the first is on its way to the disk and its client gone, its end is waited for', async () => {
    const repeats = openRepeats(() => now)
    const first = begun(await repeats.begin('a', gone))
    const second = repeats.begin('a', here)
    first.taken('1')
    expect(repeated(await second).before).to.equal('1')
  })

  it('and if that is a failure, it is taken itself', async () => {
    const repeats = openRepeats(() => now)
    const first = begun(await repeats.begin('a', gone))
    const second = repeats.begin('a', here)
    first.failed()
    begun(await second)
  })

  it('the answer to an earlier one says nothing of a later one', async () => {
    const repeats = openRepeats(() => now)
    const first = begun(await repeats.begin('a', here))
    first.taken('1')
    const second = begun(await repeats.begin('a', here))
    second.taken('2')
    first.heard()
    second.lost()
    expect(repeated(await repeats.begin('a', here)).before).to.equal('2')
  })

  const lostAs = async (repeats: Repeats, name: string) => {
    const attempt = begun(await repeats.begin(name, here))
    attempt.taken('1')
    attempt.lost()
  }

  it('of more than ten thousand the oldest are meant', async () => {
    const repeats = openRepeats(() => now)
    await lostAs(repeats, 'a')
    for (let i = 0; i < 9998; i++) begun(await repeats.begin(`other ${i}`, here))
    repeated(await repeats.begin('a', here))
    begun(await repeats.begin('another', here))
    begun(await repeats.begin('a', here))
  })

  it('each is meant after its own ten minutes, whoever came again before', async () => {
    const repeats = openRepeats(() => now)
    begun(await repeats.begin('a', here)).taken('1')
    await lostAs(repeats, 'b')
    now += 5 * MINUTE
    begun(await repeats.begin('a', here))
    now += 5 * MINUTE
    begun(await repeats.begin('b', here))
  })

  it('ten minutes later it is meant', async () => {
    const repeats = openRepeats(() => now)
    const first = begun(await repeats.begin('a', here))
    first.taken('1')
    first.lost()
    now += 10 * MINUTE
    begun(await repeats.begin('a', here))
  })

  it('one taken for a repeat is one still if it is lost again, and once its answer is heard what comes is meant', async () => {
    const repeats = openRepeats(() => now)
    const first = begun(await repeats.begin('a', here))
    first.taken('1')
    first.lost()
    for (const _ of [1, 2, 3]) {
      const again = repeated(await repeats.begin('a', here))
      expect(again.before).to.equal('1')
      again.lost()
    }
    repeated(await repeats.begin('a', here)).heard()
    begun(await repeats.begin('a', here))
  })

  describe('over a session', () => {
    let edge: Edge
    let commit: () => void = () => {}
    let taken: Promise<void> = Promise.resolve()
    const written = [
      'From: <alice@a.test>',
      'Date: Sat, 21 Nov 2026 10:00:00 +0000',
      'Message-ID: <1@a.test>',
      '',
      'x',
      '.',
      '',
    ]
    const message = written.join('\r\n')

    beforeEach(async () => {
      edge = await openEdge(
        {},
        {
          submit: (given) => {
            edge.submissions.push(given)
            return taken.then(() => undefined)
          },
        },
      )
      taken = new Promise((resolve) => {
        commit = resolve
      })
    })
    afterEach(() => edge.close())
    const enter = async () => {
      const client = await Raw.dial(edge.ports[0] ?? 0)
      await client.logIn()
      return client
    }
    /** Sends the message, and goes without its answer once it is being taken. */
    const sendAndGo = async (go: (client: Raw) => void, text = message) => {
      const client = await enter()
      const answer = client.submit(text).catch(() => 'none')
      while (edge.submissions.length === 0) await new Promise((resolve) => setImmediate(resolve))
      go(client)
      await client.closed()
      return answer
    }

    /** And its message is taken once the gateway knows that it is gone. */
    const sendAndVanish = async (text = message) => {
      await sendAndGo((client) => void client.socket.resetAndDestroy(), text)
      await new Promise((resolve) => setTimeout(resolve, 50))
      commit()
    }

    for (const [what, go] of [
      ['hangs up', (client: Raw) => client.end()],
      ['is cut off', (client: Raw) => void client.socket.resetAndDestroy()],
    ] as const)
      it(`a client that ${what} before the answer and sends again is told so, and one message is taken`, async () => {
        expect(await sendAndGo(go)).to.equal('none')
        const again = await enter()
        const answer = again.submit(message)
        await new Promise((resolve) => setTimeout(resolve, 50)) // so that it comes while the first is being taken
        commit()
        expect(await answer).to.equal(`250 2.0.0 Accepted as ${edge.submissions[0]?.id}, when you sent it before`)
        expect(edge.submissions).to.have.lengthOf(1)
        expect(await edge.spools()).to.deep.equal([])
        // Now it was heard: whoever sends it once more means it.
        expect(await again.submit(message)).to.match(/Accepted as [0-9a-f]{32}$/)
        expect(edge.submissions).to.have.lengthOf(2)
        again.end()
      })

    for (const [what, text] of [
      [
        'has been under way, so that Received fields are counted',
        `Received: by a; 21 Nov 2026 10:00:00 +0000\r\n${message}`,
      ],
      ['has no Date', message.replace(/Date: .*\r\n/, '')],
      ['has no Message-ID', message.replace(/Message-ID: .*\r\n/, '')],
    ] as const)
      it(`one that ${what} is known again, though what we add is another each time`, async () => {
        await sendAndGo((client) => client.end(), text)
        await new Promise((resolve) => setTimeout(resolve, 1_100)) // until the next second
        commit()
        const again = await enter()
        expect(await again.submit(text)).to.match(/when you sent it before$/)
        again.end()
      })

    it('a large one that comes again leaves no second file, and the log tells', async () => {
      const large = message.replace('\r\nx\r\n', `\r\n${'a line of a large letter\r\n'.repeat(INLINE_MAX / 20)}`)
      await sendAndVanish(large)
      const again = await enter()
      expect(await again.submit(large)).to.match(/when you sent it before$/)
      const found = await readdir(join(edge.home, 'blob'), { recursive: true, withFileTypes: true })
      expect(found.filter((one) => one.isFile())).to.have.lengthOf(1)
      const told = edge.log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'repeated')
      expect(told).to.have.lengthOf(1)
      expect(told[0]).to.include({
        submission: edge.submissions[0]?.id,
        messageId: '<1@a.test>',
        account: alice.address,
      })
      again.end()
    })

    it('one that could not be taken while its client was gone is taken when it comes again', async () => {
      let fail: (error: Error) => void = () => {}
      taken = new Promise((_, reject) => {
        fail = reject
      })
      await sendAndGo((client) => client.end())
      const again = await enter()
      const answer = again.submit(message)
      await new Promise((resolve) => setTimeout(resolve, 50))
      taken = Promise.resolve()
      fail(new Error('the disk is away'))
      expect(await answer).to.match(/Accepted as [0-9a-f]{32}$/)
      again.end()
    })

    it('one that had its answer, and sends the same again, means it twice', async () => {
      commit()
      for (const _ of [1, 2]) {
        const client = await enter()
        for (const _ of [1, 2]) expect(await client.submit(message)).to.match(/Accepted as [0-9a-f]{32}$/)
        expect(await client.say('QUIT')).to.match(/^221 /)
        client.end()
      }
      const impolite = await enter()
      expect(await impolite.submit(message)).to.match(/^250/)
      impolite.end()
      await impolite.closed()
      const last = await enter()
      expect(await last.submit(message)).to.match(/Accepted as [0-9a-f]{32}$/)
      last.end()
      expect(edge.submissions).to.have.lengthOf(6)
    })

    it('another text, other recipients: another message', async () => {
      await sendAndVanish()
      const client = await enter()
      for (const [text, to] of [
        [message.replace('\r\nx\r\n', '\r\ny\r\n'), ['bob@b.test']],
        [message, ['bob@b.test', 'alice@a.test']],
        [message.replace('<1@', '<2@'), ['bob@b.test']],
      ] as const)
        expect(await client.submit(text, [...to])).to.match(/Accepted as [0-9a-f]{32}$/)
      expect(await client.submit(message), 'the same').to.match(/when you sent it before$/)
      client.end()
    })
  })
})

/**
 * Forty-five clients in one mailbox do what comes by chance, hang up now and then, and in the middle the gateway is killed.
 * Each client keeps account of its own letters: what OK was said for is so afterwards, what no answer came for may be.
 *
 *   STRESS_SECONDS (30; 600 by hand)  STRESS_SEED (drawn, and printed)
 */
import { randomInt } from 'node:crypto'
import { expect } from 'chai'
import { residentMb } from '../../scripts/bench/gateway.ts'
import { freePortBase, Gateway, type Person, sleep, temporaryFolder } from '../../scripts/neighbourhood.ts'
import { itemsOf } from '../differential/answer.ts'
import { Believer, flagsOf } from '../differential/client.ts'
import { type Random, seeded } from '../village/random.ts'

const seconds = Number(process.env.STRESS_SECONDS ?? 30)
const seed = Number(process.env.STRESS_SEED ?? randomInt(2 ** 31))
const CLIENTS = 45 // and room for those that hang up and come again before the gateway noticed: 50 for one account
/** A client keeps so many letters and lets go of the oldest: the mailbox stays as large as it is. */
const KEPT = 20
/**
 * Memory after the first third of a part and at its end: what grows by more is a leak. In short runs the heap has not
 * found its size yet, and only a gross one shows.
 */
const GROWTH_MB = seconds >= 120 ? 80 : 160

/** One letter as its client knows it. `isSure` is false while a change of it was asked and not answered. */
type Letter = { uid: number; name: string; flags: string; isSure: boolean }
type Ledger = { letters: Letter[]; gone: Set<number> }

describe(`${CLIENTS} clients for ${seconds} s, and a SIGKILL (STRESS_SEED=${seed})`, function () {
  this.timeout((seconds + 120) * 1000)
  let gateway: Gateway
  let ann: Person
  const ledgers = Array.from({ length: CLIENTS }, (): Ledger => ({ letters: [], gone: new Set() }))
  const wrong: string[] = []
  const growth: number[] = []
  let commands = 0

  before(async () => {
    gateway = new Gateway(temporaryFolder(), 'a', 'a.test', await freePortBase(1))
    await gateway.init('--net', 'stress', '--plain-loopback')
    ann = await gateway.addUser('ann', 'ann-s password')
    await gateway.start()
    await part(1)
    await gateway.start()
    await part(2)
  })

  after(() => gateway.stop())

  /** Half of the time; the first half ends by SIGKILL while all are busy. */
  const part = async (number: 1 | 2): Promise<void> => {
    let isOver = false
    const lanes = ledgers.map((ledger, i) => lane(ledger, i, seeded(seed + 100 * number + i), () => isOver))
    await sleep((seconds / 6) * 1000)
    const warm = residentMb(gateway)
    await sleep((seconds / 3) * 1000)
    growth.push(residentMb(gateway) - warm)
    isOver = true
    if (number === 1) await gateway.stop('SIGKILL')
    await Promise.all(lanes)
  }

  let loggingIn: Promise<unknown> = Promise.resolve()
  /** One after the other: passwords that are judged at once count as guesses. */
  const login = (): Promise<Believer> => {
    const next = loggingIn.then(() => Believer.login(gateway.ports.imap, ann.address, ann.password))
    loggingIn = next.catch(() => {})
    return next
  }

  const lane = async (ledger: Ledger, index: number, random: Random, isOver: () => boolean): Promise<void> => {
    let client: Believer | undefined
    while (!isOver()) {
      try {
        client ??= await opened(login)
        await act(client, ledger, index, random)
        commands++
        if (random.chance(0.01)) {
          await client.client.close()
          client = undefined
        }
      } catch (error) {
        if (!isOver()) wrong.push(String(error))
        await client?.client.close()
        client = undefined
        if (wrong.length > 20) return
      }
    }
    await client?.client.close()
  }

  it('gave no wrong answer', () => {
    console.log(`      ${commands} commands, grown by ${growth.map((mb) => mb.toFixed(0)).join(' and ')} MB`)
    expect(wrong).to.deep.equal([])
    expect(commands).to.be.greaterThan(100)
  })

  it('kept what it promised: uids, flags and letters', async () => {
    const there = await everything(await opened(login))
    for (const { letters, gone } of ledgers) {
      for (const { uid, name, flags, isSure } of letters) {
        expect(there.get(uid)?.name, `uid ${uid}`).to.equal(name)
        if (isSure) expect(there.get(uid)?.flags, `uid ${uid}`).to.equal(flags)
      }
      for (const uid of gone) expect(there.has(uid), `uid ${uid} was expunged`).to.equal(false)
    }
  })

  it('added nothing twice, and nothing that nobody sent', async () => {
    const names = [...(await everything(await opened(login))).values()].map(({ name }) => name)
    expect(new Set(names).size).to.equal(names.length)
    expect(names.filter((name) => !/^<\d+\.\d+@stress\.test>$/.test(name))).to.deep.equal([])
  })

  it('did not grow', () => {
    for (const mb of growth) expect(mb).to.be.lessThan(GROWTH_MB)
  })

  it('left its store whole', async () => {
    await gateway.stop()
    await gateway.run(['verify'])
  })
})

const opened = async (login: () => Promise<Believer>): Promise<Believer> => {
  const client = await login()
  await asked(client, 'SELECT INBOX')
  return client
}

const asked = async (client: Believer, command: string | Buffer) => {
  const told = await client.ask(command)
  // What went by another's hand is no fault (RFC 5530, EXPUNGEISSUED).
  if (told.status !== 'OK' && told.code !== 'EXPUNGEISSUED')
    throw new Error(`${command.toString('latin1', 0, 80)}: ${told.text}`)
  return told
}

let drawn = 0

const act = async (client: Believer, ledger: Ledger, index: number, random: Random): Promise<void> => {
  const letter = ledger.letters.length > 0 ? random.pick(ledger.letters) : undefined
  const roll = random.next()
  if (!letter || roll < 0.15) return append(client, ledger, `<${index}.${++drawn}@stress.test>`)
  if (ledger.letters.length > KEPT || roll < 0.22) return expunge(client, ledger, ledger.letters[0] ?? letter)
  if (roll < 0.45) return mark(client, letter, random)
  const command = random.pick([
    'NOOP',
    'UID SEARCH UNSEEN',
    'STATUS INBOX (MESSAGES UIDNEXT)',
    'LIST "" "*"',
    `UID FETCH ${letter.uid} (FLAGS ENVELOPE BODY.PEEK[])`,
    `UID FETCH ${letter.uid}:* (FLAGS)`,
    `UID SEARCH SUBJECT "${letter.name}"`,
  ])
  await asked(client, command)
}

const append = async (client: Believer, ledger: Ledger, name: string): Promise<void> => {
  const text = `From: a@stress.test\r\nMessage-ID: ${name}\r\nSubject: ${name}\r\n\r\n${'x'.repeat(2000)}\r\n`
  const { code } = await asked(client, `APPEND INBOX (\\Flagged) {${text.length}+}\r\n${text}`)
  ledger.letters.push({ uid: Number(/^APPENDUID V (\d+)$/.exec(code)?.[1]), name, flags: '\\Flagged', isSure: true })
}

const mark = async (client: Believer, letter: Letter, random: Random): Promise<void> => {
  const flags = random.pick(['\\Seen', '\\Answered \\Seen', '\\Flagged blue', '\\Draft'])
  letter.isSure = false
  await asked(client, `UID STORE ${letter.uid} FLAGS (${flags})`)
  Object.assign(letter, { flags: flagsOf(flags.split(' ')), isSure: true })
}

/** Until both are answered, the letter may be there and may not. */
const expunge = async (client: Believer, ledger: Ledger, letter: Letter): Promise<void> => {
  ledger.letters = ledger.letters.filter((one) => one !== letter)
  await asked(client, `UID STORE ${letter.uid} +FLAGS.SILENT (\\Deleted)`)
  await asked(client, `UID EXPUNGE ${letter.uid}`)
  ledger.gone.add(letter.uid)
}

const everything = async (client: Believer): Promise<Map<number, { name: string; flags: string }>> => {
  const { untagged } = await asked(client, 'UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])')
  const there = new Map<number, { name: string; flags: string }>()
  for (const { values } of untagged) {
    const items = itemsOf(values[0] ?? null)
    const flags = items.get('FLAGS')
    const name = /<[^>]*>/.exec(String(items.get('BODY[HEADER.FIELDS (MESSAGE-ID)]')))?.[0]
    if (name) there.set(Number(items.get('UID')), { name, flags: flagsOf(Array.isArray(flags) ? flags : []) })
  }
  await client.client.close()
  return there
}

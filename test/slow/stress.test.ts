/**
 * Fifty clients in one mailbox do what comes by chance, hang up now and then in the midst of it, and after a quarter of
 * the time the gateway is killed. Each client keeps account of its own letters, which nobody else touches: every answer
 * about them is held against it; what OK was said for is so afterwards, what no answer came for may be.
 *
 *   STRESS_SECONDS (30; 600 by hand)  STRESS_SEED (drawn, and printed)
 */
import { randomInt } from 'node:crypto'
import { expect } from 'chai'
import { residentMb } from '../../scripts/bench/gateway.ts'
import { Gateway, type Person, sleep, temporaryFolder } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { itemsOf } from '../differential/answer.ts'
import { Believer, flagsOf, type Told } from '../differential/client.ts'
import { type Random, seeded } from '../village/random.ts'

const seconds = Number(process.env.STRESS_SECONDS ?? 30)
const seed = Number(process.env.STRESS_SEED ?? randomInt(2 ** 31))
const CLIENTS = 50
/** A client keeps so many letters and lets go of the oldest: the mailbox stays as large as it is. */
const KEPT = 20
/** The curve of memory has so many points after the SIGKILL: one each 10 s in 600. */
const SAMPLES = 45
/**
 * What the last third of the curve may lie above the second; the first is warming up. Of short runs the second is so as
 * well, and only a gross leak shows.
 */
const GROWTH_MB = seconds >= 300 ? 20 : 160

/** One letter as its client knows it. `isSure` is false while a change of it was asked and not answered. */
type Letter = { uid: number; name: string; flags: string; isSure: boolean }
type Ledger = { index: number; letters: Letter[]; gone: Set<number> }

describe(`${CLIENTS} clients for ${seconds} s, and a SIGKILL (STRESS_SEED=${seed})`, function () {
  this.timeout((seconds + 120) * 1000)
  let gateway: Gateway
  let ann: Person
  const ledgers = Array.from({ length: CLIENTS }, (_, index): Ledger => ({ index, letters: [], gone: new Set() }))
  const wrong: string[] = []
  const curve: number[] = []
  let [commands, hungUp] = [0, 0]

  before(async () => {
    gateway = new Gateway(temporaryFolder(), 'a', 'a.test', await freePortBase(1))
    await gateway.init('--net', 'stress', '--plain-loopback')
    gateway.set('sessions_per_account', String(2 * CLIENTS)) // who hung up may be back before the gateway noticed
    ann = await gateway.addUser('ann', 'ann-s password')
    await gateway.start()
    await part(1, () => sleep((seconds / 4) * 1000))
    await gateway.start()
    await part(2, async () => {
      for (let i = 0; i < SAMPLES; i++) {
        await sleep(((seconds * 0.75) / SAMPLES) * 1000)
        curve.push(residentMb(gateway))
      }
    })
  })

  after(() => gateway.stop())

  /** The first ends by SIGKILL while all are busy. */
  const part = async (number: 1 | 2, lasts: () => Promise<unknown>): Promise<void> => {
    let isOver = false
    const lanes = ledgers.map((ledger) => lane(ledger, seeded(seed + 100 * number + ledger.index), () => isOver))
    await lasts()
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

  const lane = async (ledger: Ledger, random: Random, isOver: () => boolean): Promise<void> => {
    let client: Believer | undefined
    while (!isOver()) {
      try {
        if (!client) {
          client = await opened(login)
          await tidy(client, ledger)
        }
        commands++
        if (random.chance(0.99)) {
          await act(client, ledger, random)
          continue
        }
        const doing = act(client, ledger, random).catch(() => {}) // no answer is owed any more
        await sleep(random.between(0, 10))
        await client.client.close()
        await doing
        hungUp++
      } catch (error) {
        if (!isOver()) wrong.push(String(error))
        await client?.client.close()
        if (wrong.length > 20) return
      }
      client = undefined
    }
    await client?.client.close()
  }

  it('gave no wrong answer', () => {
    console.log(`      ${commands} commands, ${hungUp} of them left in the midst`)
    expect(wrong).to.deep.equal([])
    expect(commands).to.be.greaterThan(100)
    expect(hungUp).to.be.greaterThan(0)
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
    const [second, last] = [curve.slice(SAMPLES / 3, (2 * SAMPLES) / 3), curve.slice((2 * SAMPLES) / 3)].map(median)
    const said = curve.map((mb) => mb.toFixed(0)).join(' ')
    console.log(`      MB resident, each ${((seconds * 0.75) / SAMPLES).toFixed(1)} s: ${said}`)
    expect(Number(last) - Number(second)).to.be.lessThan(GROWTH_MB)
  })

  it('left its store whole', async () => {
    await gateway.stop()
    await gateway.run(['verify'])
  })
})

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN

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

/**
 * Whoever was cut off finds all the letters it was told of. Those of which it can't know how they are by now, for a
 * command of the connection before may still be at work, it lets go.
 */
const tidy = async (client: Believer, ledger: Ledger): Promise<void> => {
  const there = numbersOf(await asked(client, `UID SEARCH HEADER MESSAGE-ID "<${ledger.index}."`))
  const lost = ledger.letters.filter(({ uid }) => !there.has(uid))
  if (lost.length > 0) throw new Error(`lost: ${JSON.stringify(lost)}`)
  ledger.letters = ledger.letters.filter(({ isSure }) => isSure)
  const strays = [...there].filter((uid) => !ledger.letters.some((letter) => letter.uid === uid)).join(',')
  if (strays === '') return
  await asked(client, `UID STORE ${strays} +FLAGS.SILENT (\\Deleted)`)
  await asked(client, `UID EXPUNGE ${strays}`)
}

let drawn = 0

const act = async (client: Believer, ledger: Ledger, random: Random): Promise<void> => {
  const letter = ledger.letters.length > 0 ? random.pick(ledger.letters) : undefined
  const roll = random.next()
  if (!letter || roll < 0.15) return append(client, ledger, `<${ledger.index}.${++drawn}@stress.test>`)
  if (ledger.letters.length > KEPT || roll < 0.22) return expunge(client, ledger, ledger.letters[0] ?? letter)
  if (roll < 0.45) return mark(client, letter, random)
  const { says, isRight } = random.pick(questions)(letter)
  const told = await asked(client, says)
  if (!isRight(told, ledger.letters)) throw new Error(`${says} about ${JSON.stringify(letter)}: ${shown(told)}`)
}

/** Asked about one letter; the answer is right or wrong by what its owner knows of this and its other letters. */
type Question = { says: string; isRight(told: Told, mine: readonly Letter[]): boolean }

const always = () => true
const finds =
  ({ uid }: Letter) =>
  (told: Told) =>
    [...numbersOf(told)].join() === `${uid}`

const questions: ((letter: Letter) => Question)[] = [
  () => ({ says: 'NOOP', isRight: always }),
  () => ({ says: 'LIST "" "*" RETURN (STATUS (MESSAGES))', isRight: always }),
  () => ({ says: 'IDLE\r\nDONE', isRight: always }),
  () => ({ says: 'UID THREAD REFERENCES UTF-8 FLAGGED', isRight: always }),
  () => ({
    says: 'STATUS INBOX (MESSAGES UIDNEXT)',
    isRight: ({ untagged }, mine) => untagged.some(({ values }) => Number(values[1]?.[1]) >= mine.length),
  }),
  () => ({
    says: 'UID SEARCH UNSEEN',
    isRight: (told, mine) => {
      const unseen = numbersOf(told)
      return mine.every(({ uid, flags, isSure }) => !isSure || unseen.has(uid) === !flags.includes('\\Seen'))
    },
  }),
  (letter) => ({ says: `UID SEARCH SUBJECT "${letter.name}"`, isRight: finds(letter) }),
  (letter) => ({ says: `UID SEARCH TEXT "${letter.name}"`, isRight: finds(letter) }),
  (letter) => ({ says: `UID SORT (SUBJECT REVERSE DATE) UTF-8 FROM stress UID ${letter.uid}`, isRight: finds(letter) }),
  ({ uid, name, flags, isSure }) => ({
    says: `UID FETCH ${uid} (FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])`,
    isRight: (told) => {
      const items = told.untagged.map(({ values }) => itemsOf(values[0] ?? null)).find((one) => one.has('BODY[]'))
      const body = String(items?.get('BODY[]'))
      const isWhole = body.includes(`Message-ID: ${name}\r\n`) && body.length > TEXT_BYTES
      return Number(items?.get('UID')) === uid && isWhole && (!isSure || flagsIn(items) === flags)
    },
  }),
  ({ uid }) => ({
    says: `UID FETCH ${uid}:* (FLAGS)`,
    isRight: (told, mine) => {
      const all = told.untagged.map(({ values }) => itemsOf(values[0] ?? null))
      const flagsBy = new Map(all.map((items) => [Number(items.get('UID')), flagsIn(items)]))
      return mine.every((one) => one.uid < uid || !one.isSure || flagsBy.get(one.uid) === one.flags)
    },
  }),
]

const flagsIn = (items: ReturnType<typeof itemsOf> | undefined): string => {
  const flags = items?.get('FLAGS')
  return Array.isArray(flags) ? flagsOf(flags) : 'none told'
}

/** Of SEARCH and SORT. */
const numbersOf = ({ untagged }: Told): Set<number> =>
  new Set(untagged.flatMap(({ name, values }) => (/^(SEARCH|SORT)$/.test(name) ? values.map(Number) : [])))

const shown = ({ untagged }: Told): string => untagged.map(({ line }) => line.slice(0, 200)).join(' / ')

const TEXT_BYTES = 2000

const append = async (client: Believer, ledger: Ledger, name: string): Promise<void> => {
  const text = `From: a@stress.test\r\nMessage-ID: ${name}\r\nSubject: ${name}\r\n\r\n${'x'.repeat(TEXT_BYTES)}\r\n`
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

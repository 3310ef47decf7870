/**
 * The same commands by chance against our server and against Debian's Dovecot: the same answers and the same
 * mailboxes after each, but for what test/differential/allowed.ts argues.
 *
 *   DIFFERENTIAL_RUNS (20)  DIFFERENTIAL_STEPS (120)  DIFFERENTIAL_SEED (of the first run; drawn, and printed)
 */
import { randomInt } from 'node:crypto'
import { ImapClient } from '../../scripts/bench/imap-client.ts'
import { type Dovecot, startDovecot } from '../../scripts/bench/peer.ts'
import { temporaryFolder } from '../../scripts/neighbourhood.ts'
import { plan, type Step } from '../differential/plan.ts'
import { compare, type Difference } from '../differential/twins.ts'
import { address, password, startTestImap } from '../imap/server.ts'
import { need } from '../peer/need.ts'

/**
 * SORT (DATE) with a header field to look for makes 2.3.19 forget the first message's Date, and write that, or a wrong
 * size, into its cache: seen in one run of two hundred. It caches nothing of smaller mailboxes than this.
 */
const WITHOUT_CACHE = 'mail_cache_min_mail_count = 100000\n'

const runs = Number(process.env.DIFFERENTIAL_RUNS ?? 20)
const length = Number(process.env.DIFFERENTIAL_STEPS ?? 120)
const first = Number(process.env.DIFFERENTIAL_SEED ?? randomInt(2 ** 31))

describe(`${runs} runs of ${length} commands, ours and Dovecot (DIFFERENTIAL_SEED=${first})`, function () {
  this.timeout(120_000)
  let dovecot: Dovecot
  let capabilities: Set<string>
  let users = 0
  const met = new Map<string, number>()

  before(async function () {
    need(this, 'dovecot', 'dovecot-imapd')
    dovecot = await startDovecot(temporaryFolder(), 'sdbox', WITHOUT_CACHE)
    const imap = await startTestImap()
    const [ours, theirs] = [await offers(imap.port, address), await offers(dovecot.imap, 'somebody')]
    capabilities = new Set([...ours].filter((word) => theirs.has(word)))
    await imap.close()
  })

  after(async () => {
    await dovecot?.stop()
    for (const [because, count] of met) console.log(`      ${String(count).padStart(5)} × ${because}`)
  })

  const run = async (steps: readonly Step[]): Promise<Difference | undefined> => {
    const imap = await startTestImap()
    try {
      const theirs = { name: 'Dovecot', port: dovecot.imap, user: `user${++users}`, password }
      return await compare({ name: 'ours', port: imap.port, user: address, password }, theirs, steps, met)
    } finally {
      await imap.close()
    }
  }

  for (let seed = first; seed < first + runs; seed++) {
    it(`seed ${seed}`, async () => {
      const steps = plan(seed, length, capabilities)
      const found = await run(steps)
      if (!found) return
      const [needed, difference] = await shortest(steps.slice(0, found.index + 1), found, run)
      const said = needed.map(({ who, command }) => `C${who + 1}: ${command.toString('latin1').slice(0, 160)}`)
      const { what, ours, theirs } = difference
      throw new Error(`${what} differs after\n${said.join('\n')}\nours:    ${ours}\nDovecot: ${theirs}`)
    })
  }
})

const offers = async (port: number, user: string): Promise<Set<string>> => {
  const client = await ImapClient.login(port, user, password)
  const text = (await client.ok('CAPABILITY')).toString('latin1')
  await client.close()
  return new Set(text.split(/\s+/))
}

/** So long may be looked for a shorter way to a difference. */
const SHORTEN_MS = Number(process.env.DIFFERENTIAL_SHORTEN_MS ?? 20_000)

/** Leaves out what is not needed for the difference, from the end on. */
const shortest = async (
  steps: readonly Step[],
  found: Difference,
  run: (steps: readonly Step[]) => Promise<Difference | undefined>,
): Promise<[readonly Step[], Difference]> => {
  let [needed, difference] = [steps, found]
  const until = Date.now() + SHORTEN_MS
  for (let at = steps.length - 2; at >= 0 && Date.now() < until; at--) {
    const fewer = needed.filter((_, i) => i !== at)
    const still = await run(fewer)
    if (still?.what !== found.what || still.index !== fewer.length - 1) continue
    needed = fewer
    difference = still
  }
  return [needed, difference]
}

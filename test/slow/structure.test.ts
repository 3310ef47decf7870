/**
 * ENVELOPE, BODYSTRUCTURE, BODY and sections of several hundred awkward messages, as we and as Debian's Dovecot tell them.
 *
 *   STRUCTURE_LETTERS (300, beside the corpus)  STRUCTURE_SEED (1)
 */
import { expect } from 'chai'
import { ImapClient } from '../../scripts/bench/imap-client.ts'
import { type Dovecot, startDovecot } from '../../scripts/bench/peer.ts'
import { temporaryFolder } from '../../scripts/neighbourhood.ts'
import { itemsOf, untaggedOf, type Value } from '../differential/answer.ts'
import { manyLetters } from '../differential/letters.ts'
import { rules, sections, structureDiffers } from '../differential/structure.ts'
import { address, password, startTestImap, type TestImap } from '../imap/server.ts'
import { need } from '../peer/need.ts'

const count = Number(process.env.STRUCTURE_LETTERS ?? 300)
const seed = Number(process.env.STRUCTURE_SEED ?? 1)
const letters = manyLetters(seed, count, new Set(Object.keys(structureDiffers)))

describe(`${letters.length} awkward messages, ours and Dovecot (STRUCTURE_SEED=${seed})`, function () {
  this.timeout(120_000)
  let dovecot: Dovecot
  let imap: TestImap
  let told: [ours: Map<string, Value>[], theirs: Map<string, Value>[]]

  const met = new Map<string, number>()

  before(async function () {
    need(this, 'dovecot', 'dovecot-imapd')
    imap = await startTestImap()
    dovecot = await startDovecot(temporaryFolder(), 'sdbox')
    told = await Promise.all([tell(imap.port, address), tell(dovecot.imap, 'ann')])
  })

  after(async () => {
    await imap?.close()
    await dovecot?.stop()
    for (const [because, times] of met) console.log(`      ${String(times).padStart(5)} × ${because}`)
  })

  for (const [i, { name }] of letters.entries()) {
    const because = structureDiffers[name]
    it(because ? `${name}, but: ${because}` : name, () => {
      const [ours = new Map(), theirs = new Map()] = told.map((all) => all[i])
      expect(ours.size).to.be.greaterThan(0)
      if (because !== undefined) {
        expect([...ours]).not.to.deep.equal([...theirs])
        return
      }
      for (const label of new Set<string>([...ours.keys(), ...theirs.keys()])) {
        const [one, two] = [ours, theirs].map((items) => (items.has(label) ? JSON.stringify(items.get(label)) : null))
        if (one === two) continue
        const rule = rules.find(({ is }) => is(label, one ?? null, two ?? null))
        if (!rule) expect(one, label).to.equal(two)
        else met.set(rule.because, (met.get(rule.because) ?? 0) + 1)
      }
    })
  }
})

/** What a server tells of each of the letters, by what was asked. */
const tell = async (port: number, user: string): Promise<Map<string, Value>[]> => {
  const client = await ImapClient.login(port, user, password)
  for (const { bytes } of letters) {
    const { status, text } = await client.append('INBOX', bytes)
    if (status !== 'OK') throw new Error(text)
  }
  await client.ok('SELECT INBOX')
  const bytes = await client.ok(`FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY RFC822.SIZE ${sections.join(' ')})`)
  await client.logout()
  return untaggedOf(bytes).flatMap(({ name, values }) =>
    name === 'FETCH' ? [without(itemsOf(values[0] ?? null))] : [],
  )
}

/** A section of a part that is not there is NIL or "": only what is there is compared. */
const without = (items: Map<string, Value>): Map<string, Value> =>
  new Map([...items].filter(([label, value]) => !(/^BODY\[\d/.test(label) && (value === null || value === '"'))))

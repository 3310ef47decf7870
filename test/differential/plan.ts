/**
 * Commands by chance: what two sessions say in turn, drawn from a seed alone, so that a prefix of it can be had again.
 * Names are reckoned along, so that most commands mean something; numbers are not, so that some mean nothing.
 */
import { corpus } from '../fixture/corpus.ts'
import { type Random, seeded } from '../village/random.ts'

/**
 * Said by session `who`. Numbers that each server draws for itself stand as names: `«modseq alpha 17»` is the
 * HIGHESTMODSEQ of alpha after step 17 (or the one before, if that was left out), `«next alpha 17»` the number after
 * it, `«validity alpha»` its UIDVALIDITY.
 */
export type Step = { who: 0 | 1; id: number; command: Buffer }

export const NAMED = /«(modseq|next|validity) (\w+)(?: (\d+))?»/g

/** Selected by sessions; never renamed or deleted. */
export const OPEN = ['INBOX', 'alpha', 'beta'] as const
/** Made, renamed and deleted, and never selected. */
const LOOSE = ['gamma', 'gamma/one', 'delta', 'delta/two', 'eps&AOk-', 'eps&AOk-/&ZeVnLIqe-']
const FLAGS = ['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '$Forwarded', 'blue']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr']

const letterNames = [
  'plain text',
  'empty body',
  'body of dots',
  '8-bit body utf-8',
  'message inside',
  'delivery report',
  's/mime signed',
  'calendar invitation',
  'list fields',
  'digest',
]
const letters = corpus.filter(({ name }) => letterNames.includes(name)).map(({ bytes }) => bytes)

export const plan = (seed: number, length: number, capabilities: ReadonlySet<string>): Step[] => {
  const random = seeded(seed)
  const names = new Set<string>()
  const kinds = commandKinds.filter(({ needs }) => needs === undefined || capabilities.has(needs))
  const weighted = kinds.flatMap((kind) => Array<Kind>(kind.weight).fill(kind))
  const steps: Step[] = []
  const say = (who: 0 | 1, command: string | Buffer) =>
    steps.push({
      who,
      id: steps.length,
      command: typeof command === 'string' ? Buffer.from(command, 'latin1') : command,
    })
  // Each run has two sessions of their own kinds: with QRESYNC a session hears VANISHED where others hear EXPUNGE.
  const extensions = ['QRESYNC', 'CONDSTORE'].filter((word) => capabilities.has(word))
  const enabled = ([0, 1] as const).map((who) => {
    const extension = random.pick(['', ...extensions])
    if (extension !== '') say(who, `ENABLE ${extension}`)
    say(who, 'SELECT INBOX')
    return extension
  })
  for (let i = 0; i < 4; i++) say(0, append(random))
  while (steps.length < length) {
    const who = random.chance(0.5) ? 1 : 0
    const possible = weighted.filter(({ wants }) => wants === undefined || enabled[who] === wants)
    for (const command of random.pick(possible).draw(random, names, steps.length)) say(who, command)
  }
  return steps
}

/** `needs` a capability of both servers; `wants` it enabled in the session. */
type Kind = {
  weight: number
  needs?: string
  wants?: string
  draw(random: Random, names: Set<string>, at: number): (string | Buffer)[]
}

const kind = (weight: number, draw: (random: Random, at: number) => string | Buffer, needs?: string): Kind => ({
  weight,
  ...(needs !== undefined && { needs }),
  draw: (random, _, at) => [draw(random, at)],
})

/** Some time ago. SEARCH finds the number itself, too, which the last change of a message has or not: it asks for the next. */
const since = (random: Random, at: number, name: string, what = 'modseq'): string =>
  `«${what} ${name} ${Math.max(0, at - random.between(1, 25))}»`

const commandKinds: Kind[] = [
  kind(8, (random) => append(random)),
  kind(8, (random) => `${uid(random)}STORE ${set(random)} ${mode(random)} (${flags(random)})`),
  kind(5, (random) => `${uid(random)}COPY ${set(random)} ${random.pick([...OPEN, 'nowhere'])}`),
  kind(5, (random) => `${uid(random)}MOVE ${set(random)} ${random.pick([...OPEN, 'nowhere'])}`, 'MOVE'),
  kind(4, () => 'EXPUNGE'),
  kind(2, (random) => `UID EXPUNGE ${set(random)}`, 'UIDPLUS'),
  kind(3, (random) => `SELECT ${random.pick(OPEN)}`),
  { weight: 1, draw: look },
  kind(1, (random) => `SELECT ${random.pick(OPEN)}`),
  kind(10, (random) => `${uid(random)}FETCH ${set(random)} (${items(random)})`),
  kind(10, (random) => `${uid(random)}SEARCH ${keys(random)}`),
  kind(
    4,
    (random) => `UID SEARCH RETURN (${random.pick(['MIN', 'MAX', 'COUNT', 'ALL', 'MIN MAX COUNT'])}) ${keys(random)}`,
    'ESEARCH',
  ),
  kind(4, (random) => `${uid(random)}SORT (${sortKeys(random)}) UTF-8 ${keys(random)}`, 'SORT'),
  kind(2, (random) => `${uid(random)}THREAD REFERENCES UTF-8 ${keys(random)}`, 'THREAD=REFERENCES'),
  kind(3, (random) => `UID SEARCH RETURN (${returns(random)}) ${keys(random)}`, 'ESEARCH'),
  { weight: 3, needs: 'SEARCHRES', draw: saveAndUse },
  kind(2, (random) => `UID SEARCH ${random.pick(apart)}`),
  kind(
    2,
    (random) => `UID SEARCH RETURN (PARTIAL ${random.pick(['1:2', '2:4', '1:100', '50:60'])}) ${keys(random)}`,
    'CONTEXT=SEARCH',
  ),
  { weight: 6, needs: 'CONDSTORE', draw: changedSince },
  { weight: 5, needs: 'CONDSTORE', draw: unchangedSince },
  { weight: 2, needs: 'CONDSTORE', draw: modseqSearch },
  kind(1, (random) => `STATUS ${random.pick(OPEN)} (HIGHESTMODSEQ MESSAGES)`, 'CONDSTORE'),
  kind(1, (random) => `SELECT ${random.pick(OPEN)} (CONDSTORE)`, 'CONDSTORE'),
  { weight: 6, needs: 'QRESYNC', wants: 'QRESYNC', draw: resync },
  { weight: 4, needs: 'QRESYNC', wants: 'QRESYNC', draw: vanished },
  kind(4, (random) => `${uid(random)}FETCH ${set(random)} (${binaries(random)})`, 'BINARY'),
  kind(2, (random) => appendOf(random, 1, '~'), 'BINARY'),
  kind(3, (random) => appendOf(random, random.between(2, 3)), 'MULTIAPPEND'),
  kind(4, (random) => `STATUS ${random.pick([...OPEN, 'nowhere'])} (MESSAGES UIDNEXT UNSEEN)`),
  kind(1, (random) => `STATUS ${random.pick(OPEN)} (SIZE)`, 'STATUS=SIZE'),
  kind(
    3,
    (random) => `${random.pick(['LIST', 'LSUB'])} ${random.pick(['""', 'gamma/', 'delta'])} ${random.pick(patterns)}`,
  ),
  kind(2, (random) => `LIST (SUBSCRIBED) "" ${random.pick(patterns)} RETURN (CHILDREN)`, 'LIST-EXTENDED'),
  kind(1, () => 'CHECK'),
  kind(2, () => 'NOOP'),
  { weight: 3, draw: create },
  { weight: 2, draw: remove },
  { weight: 2, draw: rename },
  { weight: 2, draw: subscribe },
]

const patterns = ['"*"', '"%"', '"%/%"', '"gam*"', '"*a"', '"inbox"', '"eps&AOk-/*"', '"nowhere"']

/** A look without touching: Dovecot takes changes there and throws them away, so only one is tried. */
function look(random: Random): string[] {
  const name = random.pick(OPEN)
  return [
    `EXAMINE ${name}`,
    `FETCH ${set(random)} (${items(random)})`,
    `UID SEARCH ${keys(random)}`,
    `STORE ${set(random)} ${mode(random)} (${flags(random)})`,
    `SELECT ${name}`,
  ]
}

function create(random: Random, names: Set<string>): string[] {
  const name = random.pick(LOOSE)
  const parent = name.includes('/') ? name.slice(0, name.indexOf('/')) : undefined
  // A parent that nobody made is a mailbox here and none in Dovecot: it is made first.
  const made = parent !== undefined && !names.has(parent) ? [parent, name] : [name]
  for (const one of made) names.add(one)
  // CREATE subscribes here, and not in Dovecot.
  return made.flatMap((one) => [`CREATE "${one}"`, `SUBSCRIBE "${one}"`])
}

function remove(random: Random, names: Set<string>): string[] {
  // With children it would be refused here, and leave a name that is no mailbox there.
  const name = random.pick(LOOSE.filter((one) => ![...names].some((other) => other.startsWith(`${one}/`))))
  if (!names.delete(name)) return [`DELETE "${name}"`]
  return [`UNSUBSCRIBE "${name}"`, `DELETE "${name}"`]
}

function rename(random: Random, names: Set<string>): string[] {
  const from = random.pick(LOOSE.filter((one) => !one.includes('/')))
  const to = random.pick(['gamma', 'delta', 'eps&AOk-'].filter((one) => one !== from))
  const said = `RENAME "${from}" "${to}"`
  if (!names.has(from) || names.has(to)) return [said]
  // What becomes of subscriptions is left open: they are made anew.
  const moved = [...names].filter((one) => one === from || one.startsWith(`${from}/`))
  const become = moved.map((one) => to + one.slice(from.length))
  for (const one of moved) names.delete(one)
  for (const one of become) names.add(one)
  const quoted = (verb: string) => (name: string) => `${verb} "${name}"`
  return [...moved.map(quoted('UNSUBSCRIBE')), said, ...become.map(quoted('SUBSCRIBE'))]
}

function subscribe(random: Random, names: Set<string>): string[] {
  const name = random.pick([...names, ...OPEN])
  return [`${random.pick(['SUBSCRIBE', 'UNSUBSCRIBE'])} "${name}"`]
}

/** What happened in the selected mailbox, of which the plan does not know the name: it selects one. */
function changedSince(random: Random, _: Set<string>, at: number): string[] {
  const name = random.pick(OPEN)
  const modifier = `(CHANGEDSINCE ${since(random, at, name)})`
  return [`SELECT ${name}`, `${uid(random)}FETCH ${random.pick(['1:*', set(random)])} (FLAGS UID) ${modifier}`]
}

function unchangedSince(random: Random, _: Set<string>, at: number): string[] {
  const name = random.pick(OPEN)
  const modifier = `(UNCHANGEDSINCE ${random.chance(0.2) ? '0' : since(random, at, name)})`
  return [`SELECT ${name}`, `${uid(random)}STORE ${set(random)} ${modifier} ${mode(random)} (${flags(random)})`]
}

function modseqSearch(random: Random, _: Set<string>, at: number): string[] {
  const name = random.pick(OPEN)
  const more = random.chance(0.5) ? ` ${keys(random, 2)}` : ''
  return [`SELECT ${name}`, `${uid(random)}SEARCH MODSEQ ${since(random, at, name, 'next')}${more}`]
}

/** A client that was away. */
function resync(random: Random, _: Set<string>, at: number): string[] {
  const name = random.pick(OPEN)
  const known = random.chance(0.5) ? ` 1:${random.between(1, 12)}` : ''
  return [`SELECT ${name} (QRESYNC («validity ${name}» ${since(random, at, name)}${known}))`]
}

function vanished(random: Random, _: Set<string>, at: number): string[] {
  const name = random.pick(OPEN)
  const modifiers = `(CHANGEDSINCE ${since(random, at, name)} VANISHED)`
  return [`SELECT ${name}`, `UID FETCH ${random.pick(['1:*', '1:9', '3:20'])} (FLAGS) ${modifiers}`]
}

/** The result of a search is kept, and used by its own name (RFC 5182). */
function saveAndUse(random: Random): string[] {
  const saves = random.pick(['SAVE', 'SAVE COUNT', 'SAVE MIN', 'SAVE MIN MAX', 'SAVE ALL'])
  return [
    `UID SEARCH RETURN (${saves}) ${keys(random)}`,
    random.pick([
      'UID FETCH $ (FLAGS RFC822.SIZE)',
      'FETCH $ (UID ENVELOPE)',
      `UID STORE $ ${mode(random)} (${flags(random)})`,
      `UID COPY $ ${random.pick(OPEN)}`,
      `UID SEARCH $ ${keys(random, 1)}`,
      `UID SEARCH RETURN (SAVE COUNT) OR $ ${keys(random, 2)}`,
    ]),
  ]
}

const returns = (random: Random): string =>
  random.shuffled(['MIN', 'MAX', 'COUNT', 'ALL']).slice(0, random.between(0, 4)).join(' ')

const binaries = (random: Random): string =>
  random
    .shuffled([
      'BINARY.PEEK[1]',
      'BINARY.PEEK[2]',
      'BINARY.SIZE[1]',
      'BINARY.SIZE[2]',
      'BINARY.PEEK[1.1]',
      `BINARY.PEEK[1]<${random.between(0, 30)}.${random.between(1, 60)}>`,
    ])
    .slice(0, random.between(1, 3))
    .join(' ')

const append = (random: Random): Buffer => appendOf(random, 1)

/** @param before the size, `~` for a literal8 (RFC 3516) */
const appendOf = (random: Random, count: number, before = ''): Buffer => {
  const parts = Array.from({ length: count }, () => appended(random, before))
  return Buffer.concat([Buffer.from(`APPEND ${random.pick(OPEN)}`), ...parts])
}

const appended = (random: Random, before: string): Buffer => {
  const date = `Date: ${random.between(1, 28)} ${random.pick(MONTHS)} 2025 1${random.between(0, 9)}:00:00 +0200`
  const bytes = Buffer.from(
    random
      .pick(letters)
      .toString('latin1')
      .replace(/^Date: .*$/m, date),
    'latin1',
  )
  const flagged = random.chance(0.5) ? `(${flags(random)}) ` : ''
  const head = ` ${flagged}"${day(random)} 10:0${random.between(0, 9)}:00 +0100" ${before}{${bytes.length}+}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes])
}

const uid = (random: Random): string => (random.chance(0.5) ? 'UID ' : '')
const mode = (random: Random): string =>
  random.pick(['FLAGS', '+FLAGS', '-FLAGS']) + (random.chance(0.3) ? '.SILENT' : '')
const flags = (random: Random): string => random.shuffled(FLAGS).slice(0, random.between(1, 3)).join(' ')
const day = (random: Random): string => `${String(random.between(1, 28)).padStart(2, '0')}-${random.pick(MONTHS)}-2025`

const set = (random: Random): string => {
  const n = random.between(1, 7)
  return random.pick([
    `${n}`,
    `${n}:${n + random.between(0, 3)}`,
    '1:*',
    '*',
    `${n}:*`,
    `${n},${n + 1}`,
    `${n + 2}:${n}`,
  ])
}

const items = (random: Random): string =>
  random
    .shuffled([
      'FLAGS',
      'UID',
      'INTERNALDATE',
      'RFC822.SIZE',
      'ENVELOPE',
      'BODYSTRUCTURE',
      'BODY',
      'BODY.PEEK[]',
      'BODY[TEXT]',
      'BODY.PEEK[HEADER]',
      'BODY.PEEK[1]',
      'BODY.PEEK[2.MIME]',
      'BODY.PEEK[2.1]',
      'BODY.PEEK[2.HEADER]',
      'BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)]',
      'BODY.PEEK[HEADER.FIELDS.NOT (RECEIVED TO)]',
      `BODY.PEEK[]<${random.between(0, 300)}.${random.between(1, 200)}>`,
      'RFC822.HEADER',
    ])
    .slice(0, random.between(1, 4))
    .join(' ')

const keys = (random: Random, depth = 0): string => {
  const again = () => keys(random, depth + 1)
  const simple = [
    'ALL',
    random.pick([
      'SEEN',
      'UNSEEN',
      'ANSWERED',
      'UNANSWERED',
      'DELETED',
      'UNDELETED',
      'FLAGGED',
      'UNFLAGGED',
      'DRAFT',
      'UNDRAFT',
    ]),
    random.pick(['KEYWORD', 'UNKEYWORD']).concat(' ', random.pick(['blue', '$Forwarded', 'never'])),
    random.pick(['BEFORE', 'ON', 'SINCE', 'SENTBEFORE', 'SENTON', 'SENTSINCE']).concat(' ', day(random)),
    `${random.pick(['LARGER', 'SMALLER'])} ${random.pick([200, 300, 500, 2000])}`,
    `UID ${set(random)}`,
    `SUBJECT ${random.pick(['plain', '"signed"', 'DOTS', 'nothing', '""'])}`,
    `FROM ${random.pick(['anna', '"Example"', 'bert'])}`,
    `TO ${random.pick(['bert', 'b.test', 'carla'])}`,
    `BODY ${random.pick(['well', '"signed text"', 'dot'])}`,
    `TEXT ${random.pick(['anna', 'well', 'inner', 'Reporting'])}`,
    `HEADER ${random.pick(['Message-ID a.test', 'List-Id ""', 'X-None ""', 'Content-Type mixed'])}`,
  ]
  const drawn = random.pick(simple)
  if (depth >= 2 || random.chance(0.5)) return drawn
  return random.pick([
    () => `NOT ${withoutAnother(again(), drawn)}`,
    () => either(again(), again()),
    () => `${drawn} ${again()}`,
    () => `(${again()} ${drawn})`,
  ])()
}

/** Where Dovecot is known to be wrong (allowed.ts) a difference says nothing: what surrounds it would hide others. */
const withoutAnother = (keys: string, simple: string): string =>
  isOfMoreFlags(keys) || /(SMALLER|LARGER).*\1/.test(keys) ? simple : keys

/** Of a text that both sides look for, on one beside another key, it loses messages, too: (A B) or (A A) is A. */
const either = (one: string, other: string): string => {
  const both = `${one} ${other}`
  return `OR ${one} ${isOfMoreFlags(both) || /((?:BODY|TEXT) (?:"[^"]*"|\w+)).*\1/.test(both) ? 'UID 2:*' : other}`
}

const isOfMoreFlags = (keys: string): boolean =>
  (keys.match(/\b(?:UN)?(?:SEEN|ANSWERED|DELETED|FLAGGED|DRAFT)\b/g) ?? []).length > 1

/** Asked alone, where it can be said how the answers differ. */
const apart = [
  'BODY subject',
  'NOT (SEEN DRAFT)',
  'NOT (FLAGGED UNSEEN)',
  'OR UNDELETED UNSEEN',
  'NOT OR SMALLER 200 SMALLER 500',
]

const sortKeys = (random: Random): string =>
  random
    .shuffled(['ARRIVAL', 'CC', 'DATE', 'FROM', 'REVERSE SIZE', 'SUBJECT', 'TO'])
    .slice(0, random.between(1, 2))
    .join(' ')

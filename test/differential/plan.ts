/**
 * Commands by chance: what two sessions say in turn, drawn from a seed alone, so that a prefix of it can be had again.
 * Names are reckoned along, so that most commands mean something; numbers are not, so that some mean nothing.
 */
import { corpus } from '../fixture/corpus.ts'
import { type Random, seeded } from '../village/random.ts'

/** Said by session `who`. */
export type Step = { who: 0 | 1; command: Buffer }

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
  const steps: Step[] = [0, 1].map((who) => ({ who: who as 0 | 1, command: Buffer.from('SELECT INBOX') }))
  for (let i = 0; i < 4; i++) steps.push({ who: 0, command: append(random) })
  while (steps.length < length) {
    const who = random.chance(0.5) ? 1 : 0
    for (const command of random.pick(weighted).draw(random, names)) {
      steps.push({ who, command: typeof command === 'string' ? Buffer.from(command, 'latin1') : command })
    }
  }
  return steps
}

type Kind = { weight: number; needs?: string; draw(random: Random, names: Set<string>): (string | Buffer)[] }

const kind = (weight: number, draw: (random: Random) => string | Buffer, needs?: string): Kind => ({
  weight,
  ...(needs !== undefined && { needs }),
  draw: (random) => [draw(random)],
})

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

const append = (random: Random): Buffer => {
  const date = `Date: ${random.between(1, 28)} ${random.pick(MONTHS)} 2025 1${random.between(0, 9)}:00:00 +0200`
  const bytes = Buffer.from(
    random
      .pick(letters)
      .toString('latin1')
      .replace(/^Date: .*$/m, date),
    'latin1',
  )
  const flagged = random.chance(0.5) ? `(${flags(random)}) ` : ''
  const head = `APPEND ${random.pick(OPEN)} ${flagged}"${day(random)} 10:0${random.between(0, 9)}:00 +0100" {${bytes.length}+}\r\n`
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
    `BODY ${random.pick(['well', '"signed text"', 'dot', 'subject'])}`,
    `TEXT ${random.pick(['anna', 'well', 'inner', 'Reporting'])}`,
    `HEADER ${random.pick(['Message-ID a.test', 'List-Id ""', 'X-None ""', 'Content-Type mixed'])}`,
  ]
  const drawn = random.pick(simple)
  if (depth >= 2 || random.chance(0.5)) return drawn
  return random.pick([
    () => `NOT ${again()}`,
    () => `OR ${again()} ${again()}`,
    () => `${drawn} ${again()}`,
    () => `(${again()} ${drawn})`,
  ])()
}

const sortKeys = (random: Random): string =>
  random
    .shuffled(['ARRIVAL', 'CC', 'DATE', 'FROM', 'REVERSE SIZE', 'SUBJECT', 'TO'])
    .slice(0, random.between(1, 2))
    .join(' ')

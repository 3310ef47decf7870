/**
 * Two servers that are asked the same, and whether they answer the same. After each command an observer of its own looks
 * into all mailboxes, and what the session believes of its own is held against that: nothing it did may need a NOOP to be
 * told. Only who speaks after the other session hears that one's news first (NOOP), so that both servers answer about
 * the same mailbox: what a session may see of changes it has not been told of is left open (RFC 2180), and Dovecot finds
 * new messages by UID SEARCH and no expunged ones by UID FETCH, where we show what the session was told of.
 */
import { type Allowed, isAllowed, matters } from './allowed.ts'
import { itemsOf, type Untagged, type Value } from './answer.ts'
import { Believer, flagsOf, type Told, uidsOf } from './client.ts'
import { NAMED, OPEN, type Step } from './plan.ts'

export type Place = { name: string; port: number; user: string; password: string }

/** Where and how they differ first; `index` is that of the step. */
export type Difference = { index: number; command: string; what: string; ours: string; theirs: string }

/** Runs the steps against both. `met` counts what differed and may. */
export const compare = async (
  ours: Place,
  theirs: Place,
  steps: readonly Step[],
  met: Map<Allowed, number>,
): Promise<Difference | undefined> => {
  const [mine, other] = await Promise.all([open(ours), open(theirs)])
  try {
    for (const [index, { who, id, command }] of steps.entries()) {
      const text = command.toString('latin1')
      const isReadOnly = mine.sessions[who].isReadOnly
      const differs = (what: string, a: unknown, b: unknown): Difference | undefined => {
        const [one, two] = [JSON.stringify(a), JSON.stringify(b)]
        if (one === two) return undefined
        const why = isAllowed({ command: text, what, ours: one, theirs: two, isReadOnly })
        if (why) met.set(why, (met.get(why) ?? 0) + 1)
        return why ? undefined : { index, command: text.slice(0, 300), what, ours: one, theirs: two }
      }
      const found = (await step(mine, other, who, command, differs)) ?? (await states(mine, other, who, id, differs))
      if (found) return found
    }
    return undefined
  } finally {
    await Promise.all(
      [...mine.sessions, mine.observer, ...other.sessions, other.observer].map((one) => one.client.close()),
    )
  }
}

/** What a server has drawn for itself, after the step `id`. */
type Mark = { id: number; modseq: string; validity: string }
type Open = {
  name: string
  sessions: [Believer, Believer]
  observer: Believer
  marks: Map<string, Mark[]>
  last?: 0 | 1
}
type Differs = (what: string, a: unknown, b: unknown) => Difference | undefined

const open = async ({ name: server, port, user, password }: Place): Promise<Open> => {
  const login = () => Believer.login(port, user, password)
  const [a, b, observer] = [await login(), await login(), await login()]
  // The two sessions' playground; whatever else a server makes for a new user is not compared.
  for (const name of OPEN) if (name !== 'INBOX') await observer.ask(`CREATE ${name}`)
  for (const name of OPEN) await observer.ask(`SUBSCRIBE ${name}`)
  await observer.ask('ENABLE CONDSTORE') // from now on modseqs are kept
  const opened: Open = { name: server, sessions: [a, b], observer, marks: new Map(OPEN.map((name) => [name, []])) }
  await state(opened, -1)
  return opened
}

/** The command as this server has to be told it. */
const said = ({ marks }: Open, command: Buffer): Buffer => {
  const text = command.toString('latin1')
  if (!text.includes('\xab')) return command
  const named = text.replace(NAMED, (_, what, name, id) => {
    const mark = marks.get(name)?.findLast((one) => what === 'validity' || one.id <= Number(id))
    if (what === 'validity') return mark?.validity ?? '1'
    return String(BigInt(mark?.modseq ?? '1') + (what === 'next' ? 1n : 0n))
  })
  return Buffer.from(named, 'latin1')
}

/** @throws with the name of the server that broke off */
const ask = (server: Open, who: 0 | 1, command: Buffer): Promise<Told> =>
  server.sessions[who].ask(said(server, command)).catch((error: Error) => {
    throw new Error(`${server.name} was asked ${command.toString('latin1', 0, 300)}: ${error.message}`)
  })

const step = async (mine: Open, other: Open, who: 0 | 1, command: Buffer, differs: Differs) => {
  const [a, b] = [mine.sessions[who], other.sessions[who]]
  if (mine.last !== who) {
    await Promise.all([a.ask('NOOP'), b.ask('NOOP')])
    const news = differs('news', beliefs(a), beliefs(b))
    if (news) return news
  }
  mine.last = who
  const [one, two] = await Promise.all([ask(mine, who, command), ask(other, who, command)])
  const text = command.toString('latin1')
  const answered =
    differs('status', one.status, two.status) ??
    differs('code', matters(one.code), matters(two.code)) ??
    differs('answers', answers(text, one), answers(text, two))
  if (answered) return answered
  return differs('belief', beliefs(a), beliefs(b))
}

/** How many messages a client believes there are; what it believes of each is held against the state (`mistaken`). */
const beliefs = ({ messages }: Believer): unknown => messages.length

/** The mailboxes by name, each with its uids and flags; and what who spoke last should know better. */
const states = async (mine: Open, other: Open, who: 0 | 1, id: number, differs: Differs) => {
  const [one, two] = await Promise.all([state(mine, id), state(other, id)])
  return (
    differs('state', one, two) ??
    differs('knowledge', mistaken(mine.sessions[who], one), mistaken(other.sessions[who], two))
  )
}

/** What a client was told of its messages and is not so. */
const mistaken = ({ messages, selected = '' }: Believer, { selected: mailboxes }: State): string[] =>
  messages.flatMap(({ uid, flags }, i) => {
    const [, trueUid, trueFlags] = /^(\d+) \d+ -?\d+ (.*)$/.exec(mailboxes[selected]?.[i] ?? '') ?? []
    const isRight = (uid === undefined || `${uid}` === trueUid) && (flags === undefined || flags === trueFlags)
    return isRight ? [] : [`${i + 1} is not ${uid} ${flags} but ${trueUid} ${trueFlags}`]
  })

type State = { names: string[]; selected: Record<string, string[]> }

const state = async ({ observer, marks }: Open, id: number): Promise<State> => {
  const { untagged } = await observer.ask('LIST "" "*"')
  const names = untagged.flatMap(({ name, values }) => (name === 'LIST' ? [nameOf(values[2])] : []))
  const selected: State['selected'] = {}
  for (const name of OPEN) {
    const examined = await observer.ask(`EXAMINE ${name}`)
    const lines = examined.untagged.map(({ line }) => line).join('\n')
    const [, modseq = '1'] = /\[HIGHESTMODSEQ (\d+)\]/.exec(lines) ?? []
    const [, validity = '1'] = /\[UIDVALIDITY (\d+)\]/.exec(lines) ?? []
    marks.get(name)?.push({ id, modseq, validity })
    const fetched = await observer.ask('UID FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE)')
    selected[name] = fetched.untagged.flatMap((one) => {
      if (one.name !== 'FETCH') return []
      const items = itemsOf(one.values[0] ?? null)
      const flags = items.get('FLAGS')
      return [
        `${items.get('UID')} ${items.get('RFC822.SIZE')} ${instant(items.get('INTERNALDATE'))} ${flagsOf(Array.isArray(flags) ? flags : [])}`,
      ]
    })
  }
  return { names: names.filter(isOurs).sort(), selected }
}

/** The answers that were asked for, in an order of their own; news are heard by the Believer. */
const answers = (command: string, { untagged, status }: Told): unknown => {
  if (status !== 'OK') return []
  const verb = /^(?:UID )?(\w+)/.exec(command)?.[1] ?? ''
  const asked = untagged.filter((one) => one.name === verb || (verb === 'SEARCH' && one.name === 'ESEARCH'))
  switch (verb) {
    case 'FETCH': {
      const all = asked.map(fetched).sort((a, b) => a.number - b.number)
      // Who is asked what changed answers by whom it names; of the others only what was asked for counts.
      if (command.includes('CHANGEDSINCE')) return [all.map(({ number }) => number), earlier(untagged)]
      return all.filter(({ items }) => Object.keys(items).length > 0)
    }
    case 'SEARCH':
      return asked.map(({ name, values }) =>
        name === 'SEARCH'
          ? values.map((one) => (Array.isArray(one) ? 'MODSEQ' : Number(one))).sort()
          : pairs(values.slice(1)),
      )
    case 'LIST':
    case 'LSUB':
      return asked
        .map(({ values }) => listed(values))
        .filter(({ name }) => isOurs(name) || name === '')
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    case 'SELECT':
    case 'EXAMINE':
      return untagged
        .flatMap(({ name, number, values }) =>
          name === 'EXISTS'
            ? [`${number} EXISTS`]
            : /^\[(UIDNEXT|UIDVALIDITY|HIGHESTMODSEQ)/.test(String(values[0]))
              ? [String(values[0])]
              : name === 'FETCH'
                ? [`${number} FETCH`] // QRESYNC: what changed
                : [],
        )
        .concat(`${earlier(untagged)} VANISHED`)
        .sort()
    case 'STATUS':
      return asked.map(({ values }) => [nameOf(values[0]), statusOf(values[1])])
    default:
      return asked.map(({ values }) => values)
  }
}

/** Of a message what was asked; FLAGS and UID come unasked as well, and are believed. */
const fetched = ({ number = 0, values }: Untagged) => {
  const items = [...itemsOf(values[0] ?? null)].filter(
    ([label]) => label !== 'FLAGS' && label !== 'UID' && label !== 'MODSEQ',
  )
  const shown = items.map(([label, value]) => [label, label === 'INTERNALDATE' ? instant(value) : value] as const)
  return { number, items: Object.fromEntries(shown.sort(([a], [b]) => (a < b ? -1 : 1))) }
}

/** What was asked, in an order of its own; a server's modseqs are its own. */
const statusOf = (list: Value | undefined): unknown =>
  Array.isArray(list) ? pairs(list).map((pair) => pair.replace(/^(HIGHESTMODSEQ) .*/, '$1')) : list

/** The uids that VANISHED (EARLIER) names. */
const earlier = (untagged: readonly Untagged[]): number[] =>
  untagged.flatMap(({ name, values }) =>
    name === 'VANISHED' && Array.isArray(values[0]) ? uidsOf(String(values[1])) : [],
  )

/** ESEARCH's results: their order is free. */
const pairs = (values: Value[]): string[] => {
  const words = values.map(String).filter((word) => word !== 'UID')
  return words.flatMap((word, i) => (i % 2 === 0 ? [word === 'MODSEQ' ? word : `${word} ${words[i + 1]}`] : [])).sort()
}

const listed = ([attributes, delimiter, name]: Value[]) => ({
  name: nameOf(name),
  delimiter,
  // \Marked and \Unmarked are a server's guess, which it may leave out (RFC 3501 §7.2.2).
  attributes: (Array.isArray(attributes) ? attributes.map(String) : [])
    .filter((one) => !/^\\(un)?marked$/i.test(one))
    .sort(),
})

const nameOf = (value: Value | undefined): string => String(value ?? '').replace(/^"/, '')
const isOurs = (name: string): boolean => /^(INBOX|alpha|beta|gamma|delta|eps&AOk-)(\/|$)/.test(name)
const instant = (value: Value | undefined): number => Date.parse(String(value).replace(/^"/, '').trim())

/**
 * Two servers that are asked the same, and whether they answer the same. Before each command the session hears its
 * news (NOOP), so that both servers answer about the same mailbox; after it, an observer of its own looks into all
 * of them.
 */
import { type Allowed, isAllowed, matters } from './allowed.ts'
import { itemsOf, type Untagged, type Value } from './answer.ts'
import { Believer, flagsOf, type Told } from './client.ts'
import { OPEN, type Step } from './plan.ts'

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
    for (const [index, { who, command }] of steps.entries()) {
      const text = command.toString('latin1')
      const differs = (what: string, a: unknown, b: unknown): Difference | undefined => {
        const [one, two] = [JSON.stringify(a), JSON.stringify(b)]
        if (one === two) return undefined
        const why = isAllowed({ command: text, what, ours: one, theirs: two })
        if (why) met.set(why, (met.get(why) ?? 0) + 1)
        return why ? undefined : { index, command: text.slice(0, 300), what, ours: one, theirs: two }
      }
      const found = (await step(mine, other, who, command, differs)) ?? (await states(mine, other, differs))
      if (found) return found
    }
    return undefined
  } finally {
    await Promise.all(
      [...mine.sessions, mine.observer, ...other.sessions, other.observer].map((one) => one.client.close()),
    )
  }
}

type Open = { sessions: [Believer, Believer]; observer: Believer }
type Differs = (what: string, a: unknown, b: unknown) => Difference | undefined

const open = async ({ port, user, password }: Place): Promise<Open> => {
  const login = () => Believer.login(port, user, password)
  const [a, b, observer] = [await login(), await login(), await login()]
  // The two sessions' playground; whatever else a server makes for a new user is not compared.
  for (const name of OPEN) if (name !== 'INBOX') await observer.ask(`CREATE ${name}`)
  for (const name of OPEN) await observer.ask(`SUBSCRIBE ${name}`)
  return { sessions: [a, b], observer }
}

const step = async (mine: Open, other: Open, who: 0 | 1, command: Buffer, differs: Differs) => {
  const [a, b] = [mine.sessions[who], other.sessions[who]]
  await Promise.all([a.ask('NOOP'), b.ask('NOOP')])
  const news = differs('news', beliefs(a), beliefs(b))
  if (news) return news
  const [one, two] = await Promise.all([a.ask(command), b.ask(command)])
  const text = command.toString('latin1')
  const answered =
    differs('status', one.status, two.status) ??
    differs('code', matters(one.code), matters(two.code)) ??
    differs('answers', answers(text, one), answers(text, two))
  if (answered) return answered
  await Promise.all([a.ask('NOOP'), b.ask('NOOP')])
  return differs('belief', beliefs(a), beliefs(b))
}

/** How many messages a client believes there are; what it believes of each is held against the state. */
const beliefs = ({ messages }: Believer): unknown => messages.length

/** The mailboxes by name, each with its uids and flags. */
const states = async (mine: Open, other: Open, differs: Differs) => {
  const [one, two] = await Promise.all([state(mine), state(other)])
  return differs('state', one, two)
}

type State = { names: string[]; selected: Record<string, string[]> }

const state = async ({ observer }: Open): Promise<State> => {
  const { untagged } = await observer.ask('LIST "" "*"')
  const names = untagged.flatMap(({ name, values }) => (name === 'LIST' ? [nameOf(values[2])] : []))
  const selected: State['selected'] = {}
  for (const name of OPEN) {
    await observer.ask(`EXAMINE ${name}`)
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
    case 'FETCH':
      return asked
        .map(fetched)
        .filter(({ items }) => Object.keys(items).length > 0)
        .sort((a, b) => a.number - b.number)
    case 'SEARCH':
      return asked.map(({ name, values }) =>
        name === 'SEARCH' ? values.map(Number).sort((a, b) => a - b) : pairs(values.slice(1)),
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
            : /^\[(UIDNEXT|UIDVALIDITY)/.test(String(values[0]))
              ? [String(values[0])]
              : [],
        )
        .sort()
    case 'STATUS':
      return asked.map(({ values }) => [nameOf(values[0]), values[1]])
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

/** ESEARCH's results: their order is free. */
const pairs = (values: Value[]): string[] => {
  const words = values.map(String).filter((word) => word !== 'UID')
  return words.flatMap((word, i) => (i % 2 === 0 ? [`${word} ${words[i + 1]}`] : [])).sort()
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

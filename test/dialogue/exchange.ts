/**
 * What a dialogue of IMAP shows, read from its text: each exchange, in the state of RFC 3501 §3 its client was in.
 *
 * An exchange is a client's command, with its tag, and the tagged answer that is expected. A state is read off the
 * answers: whoever was told OK to LOGIN is authenticated.
 */
export const states = ['not authenticated', 'authenticated', 'selected', 'read-only'] as const
export type State = (typeof states)[number]

type Exchange = {
  state: State
  /** Upper-case; `UID FETCH` is one. */
  command: string
  answer: 'OK' | 'NO' | 'BAD'
}

/** Line by line; a literal's lines look like no command, for a tag is small letters and a number. */
export const exchangesOf = (text: string): Exchange[] => {
  const found: Exchange[] = []
  const stateOf = new Map<string, State>()
  const asked = new Map<string, string>()
  for (const row of text.split('\n')) {
    const [, , client = '', tag = '', command = ''] = /^(C)(\d*): ([a-z]+\d+) ((?:UID )?[a-z]+)/i.exec(row) ?? []
    if (command !== '') asked.set(`${client} ${tag}`, command.toUpperCase())
    const [, who = '', of = '', answer = '', rest = ''] = /^S(\d*): ([a-z]+\d+) (OK|NO|BAD)(.*)$/.exec(row) ?? []
    const name = asked.get(`${who} ${of}`)
    if (name === undefined || (answer !== 'OK' && answer !== 'NO' && answer !== 'BAD')) continue
    asked.delete(`${who} ${of}`)
    const state = stateOf.get(who) ?? 'not authenticated'
    found.push({ state, command: name, answer })
    stateOf.set(who, next(state, name, answer, rest))
  }
  return found
}

/** The response codes that a dialogue's servers answer with: words in capitals behind a bracket. */
export const codesOf = (text: string): string[] =>
  [...text.matchAll(/^S\d*: (?:\*|[a-z]+\d+) (?:OK|NO|BAD|BYE) \[([A-Z-]+)/gm)].map(([, code = '']) => code)

/** What the dialogue is there to show: a line `# shows: CONDSTORE STATUS=SIZE`. */
export const shownBy = (text: string): string[] => /^# shows: (.*)$/m.exec(text)?.[1]?.split(' ') ?? []

const next = (state: State, command: string, answer: Exchange['answer'], rest: string): State => {
  if (command === 'SELECT' || command === 'EXAMINE') {
    if (answer === 'BAD') return state
    if (answer === 'NO') return 'authenticated'
    return command === 'EXAMINE' || rest.includes('READ-ONLY') ? 'read-only' : 'selected'
  }
  if (answer !== 'OK') return state
  switch (command) {
    case 'LOGIN':
    case 'AUTHENTICATE':
    case 'CLOSE':
    case 'UNSELECT':
      return 'authenticated'
    case 'UNAUTHENTICATE':
      return 'not authenticated'
    default:
      return state
  }
}

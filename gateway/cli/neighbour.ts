/** How a neighbour, or somebody who is none yet, looks on a terminal. */
import { sinceOf } from '../../src/link/standing.ts'
import type { ResultOf } from './context.ts'
import { clock, facts, plural } from './layout.ts'

type Shown = ResultOf<'link.show'>

export const describe = (one: Shown): string => {
  const who = { name: one.name || undefined, state: stateOf(one), since: clock(sinceOf(one)) }
  const key = { agent: one.agent || undefined, words: one.words }
  const addresses = one.addresses.join(', ')
  if (!('limit' in one))
    return facts({
      ...who,
      until: clock(one.until),
      ...key,
      addresses: addresses || 'none',
      says: one.note,
      software: one.software,
      from: one.place,
    })
  return facts({
    ...who,
    ...key,
    addresses: (one.reach ?? one).addresses.join(', ') || 'none: it dials us',
    announced: one.reach ? clock(one.reach.at) : 'never',
    'linked with': one.reach ? plural(one.reach.via.length, 'agent') : undefined,
    'last try': one.whyNot ? `${clock(one.whyNot.at)}: ${one.whyNot.why}` : undefined,
    'not found at': one.reach?.missed.join(', ') || undefined,
    limit: `${one.limit} unwanted`,
  })
}

export const stateOf = (one: Shown): string => {
  if ('frozen' in one && one.frozen && one.state !== 'revoked') return `frozen (${one.frozen.why})`
  switch (one.state) {
    case 'pending':
      return 'asks to become a neighbour'
    case 'refused':
      return 'refused by you'
    case 'asked':
      return 'asked, not answered yet'
    case 'denied':
      return 'refuses you'
    case 'revoked':
      return one.state
    default:
      return `${one.state === 'active' ? '' : `${one.state}, `}${one.up ? '' : 'not '}connected`
  }
}

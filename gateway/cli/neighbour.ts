/** How a neighbour looks on a terminal. */
import type { ResultOf } from './context.ts'
import { clock, facts, plural } from './layout.ts'

export const describe = (one: ResultOf<'link.show'>): string =>
  facts({
    name: one.name,
    state: stateOf(one),
    since: clock(one.since),
    agent: one.agent,
    words: one.words,
    addresses: (one.reach ?? one).addresses.join(', ') || 'none: it dials us',
    announced: one.reach ? clock(one.reach.at) : 'never',
    'linked with': one.reach ? plural(one.reach.via.length, 'agent') : undefined,
    'not found at': one.reach?.missed.join(', ') || undefined,
    limit: `${one.limit} unwanted`,
  })

export const stateOf = (one: { state: string; up: boolean }): string =>
  one.state === 'revoked'
    ? one.state
    : `${one.state === 'active' ? '' : `${one.state}, `}${one.up ? '' : 'not '}connected`

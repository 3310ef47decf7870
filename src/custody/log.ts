/** What is logged in a message's life: a line each, found by its envelope id; at its origin also by its Message-ID and recipient. */
import type { Effect } from '../effect.ts'
import type { Custody } from './custody.ts'

type Log = Extract<Effect, { do: 'log' }>

export const logged = (
  event: string,
  { key, messageId, address }: Pick<Custody, 'key' | 'messageId' | 'address'>,
  more: Pick<Log, 'from' | 'to' | 'recipient' | 'detail'> = {},
): Log => ({ do: 'log', event, key, ...(messageId && { messageId }), ...(address && { recipient: address }), ...more })

/** Once while the reason stays: it may wait for days. */
export const loggedWait = (was: Custody, row: Custody): Log[] => {
  const [kind = '', agent = ''] = row.awaits?.split(':') ?? []
  const detail = waits.get(kind)
  // A path is looked for by the key and by the address in turn, and it is one reason.
  const isSame = was.awaits === row.awaits || (kind === 'who' && was.awaits?.startsWith('who:'))
  if (detail === undefined || isSame) return []
  return [logged('waiting', row, { ...(kind !== 'who' && { to: agent }), detail })]
}

const waits: ReadonlyMap<string, string> = new Map([
  ['up', 'for the neighbour to connect'],
  ['credit', 'for credit with the neighbour'],
  ['who', 'for a path'],
])

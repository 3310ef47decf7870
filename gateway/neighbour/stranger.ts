/** What somebody who is no neighbour says on the link port, and whether they may speak at all. */
import { pairRequest } from '../../src/wire/pair.ts'
import type { House } from '../house.ts'

type Strangers = {
  isOpen(now: number): boolean
  answer(from: string, request: unknown, remote: string): Promise<unknown>
}

export const strangersOf = ({ pairing, knocking }: Pick<House, 'pairing' | 'knocking'>): Strangers => ({
  isOpen: (now) => pairing.isOpen(now) || knocking.isOpen(now),
  answer: async (from, value, remote) => {
    const request = pairRequest(value)
    return request.t === 'INVITED' ? pairing.take(from, request) : knocking.take(from, request, remote)
  },
})

/**
 * Which neighbour has a link, and who wins when several would become one.
 *
 *   their proof │ no link             │ our own hello is under way          │ a link is live
 *   ────────────┼─────────────────────┼─────────────────────────────────────┼───────────────────────────
 *   answer      │ yes                 │ yes if their agentId is the smaller │ busy, unless the old one
 *               │                     │ one, else busy                      │ is silent: then it is closed, yes
 *
 * Both ends judge by the same order, so of two dials that cross exactly one is left.
 */
import type { ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Hello } from './frame.ts'
import type { Link } from './link.ts'
import { endSoon } from './session.ts'

/**
 * Their dial, said yes to: once they have proved themselves, the second connection, by which we shall ask, is on its
 * way. `keep` lets it live on.
 */
export type Half = {
  hello: Hello
  session: ServerHttp2Session
  socket: TLSSocket
  keep(): void
  isProven(): boolean
}

export type Board = {
  live(agent: string): Link | undefined
  all(): Link[]
  /** A half or a live link: no need to dial. */
  isTaken(agent: string): boolean
  /** We are about to say hello. @returns what to call when it is decided */
  greet(agent: string): () => void
  /** Our own dial is under way, and goes before theirs. */
  isOurTurn(agent: string): boolean
  /** Their proof holds. @returns whether a link may come of it */
  welcome(agent: string): Promise<boolean>
  expect(agent: string, half: Half): void
  takeHalf(agent: string): Half | undefined
  /** Both sessions stand. */
  put(link: Link): void
}

export const makeBoard = (us: string, on: { up(link: Link): void; down(link: Link, why: string): void }): Board => {
  const links = new Map<string, Link>()
  const halves = new Map<string, Half>()
  const greeting = new Set<string>()

  const dropHalf = (agent: string, half: Half) => {
    if (halves.get(agent) === half) halves.delete(agent)
  }

  const isOurTurn = (agent: string): boolean => greeting.has(agent) && us < agent

  return {
    live: (agent) => links.get(agent),
    all: () => [...links.values()],
    isTaken: (agent) => links.has(agent) || halves.has(agent),
    greet(agent) {
      greeting.add(agent)
      return () => greeting.delete(agent)
    },
    isOurTurn,
    async welcome(agent) {
      const old = links.get(agent)
      if (old) {
        if (await old.answers()) return false
        old.close('silent, and the neighbour dials anew')
      }
      return !isOurTurn(agent)
    },
    expect(agent, half) {
      const former = halves.get(agent)
      if (former) endSoon(() => former.session.destroy())
      halves.set(agent, half)
      half.session.once('close', () => dropHalf(agent, half))
    },
    takeHalf(agent) {
      const half = halves.get(agent)
      if (half) halves.delete(agent)
      return half
    },
    put(link) {
      const old = links.get(link.agent)
      links.set(link.agent, link)
      if (!old) on.up(link)
      old?.close('another link took its place') // unheard: the neighbour never was down
      void link.closed.then((why) => {
        if (links.get(link.agent) !== link) return
        links.delete(link.agent)
        on.down(link, why)
      })
    },
  }
}

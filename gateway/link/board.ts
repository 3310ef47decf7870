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
import type { Link } from './link.ts'
import { endSoon } from './session.ts'

export type Board = {
  live(agent: string): Link | undefined
  all(): Link[]
  /** A live link, or one about to be: no need to dial. */
  isTaken(agent: string): boolean
  /** We are about to say hello. @returns what to call when it is decided */
  greet(agent: string): () => void
  /** Our own dial is under way, and goes before theirs. */
  isOurTurn(agent: string): boolean
  /** Their proof holds. @returns whether a link may come of it */
  welcome(agent: string): Promise<boolean>
  /** Their dial, said yes to: a link comes of it once they have proved themselves. */
  expect(agent: string, session: ServerHttp2Session): void
  put(link: Link): void
}

export const makeBoard = (us: string, on: { up(link: Link): void; down(link: Link, why: string): void }): Board => {
  const links = new Map<string, Link>()
  const expected = new Map<string, ServerHttp2Session>()
  const greeting = new Set<string>()

  const isOurTurn = (agent: string): boolean => greeting.has(agent) && us < agent

  return {
    live: (agent) => links.get(agent),
    all: () => [...links.values()],
    isTaken: (agent) => links.has(agent) || expected.has(agent),
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
    expect(agent, session) {
      const former = expected.get(agent)
      if (former && former !== session) endSoon(() => former.destroy())
      expected.set(agent, session)
      session.once('close', () => {
        if (expected.get(agent) === session) expected.delete(agent)
      })
    },
    put(link) {
      const old = links.get(link.agent)
      links.set(link.agent, link)
      expected.delete(link.agent)
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

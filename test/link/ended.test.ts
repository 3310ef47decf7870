/** What a link leaves behind when it has ended: nothing that keeps a gateway from stopping, or that speaks for it later. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { makeCertificate } from '../../gateway/link/certificate.ts'
import { linkLimits } from '../../gateway/link/limits.ts'
import { makeLink } from '../../gateway/link/link.ts'
import { connectTls, serverOptions } from '../../gateway/link/peer.ts'
import type { Ratchets } from '../../gateway/link/ratchets.ts'
import { clientSession, serverSession } from '../../gateway/link/session.ts'
import { createMetrics } from '../../gateway/metrics.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { agentsOfEach, areLinked, until } from './agents.ts'
import { type Line, openLine } from './line.ts'
import { ratchetsIn } from './ratchets.ts'

describe('a link that has ended', () => {
  const { start } = agentsOfEach()

  it('has no connection, even where the neighbour says farewell and then nothing more', async () => {
    const [us, them] = [generateAgent(), generateAgent()]
    const server = createServer(serverOptions(await makeCertificate(them, Date.now()), linkLimits.handshakeMs))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const line = await openLine(`127.0.0.1:${(server.address() as AddressInfo).port}`)
    try {
      const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
      const keys = await makeCertificate(us, Date.now())
      const { socket } = await connectTls(line.address, them.id, keys, linkLimits.handshakeMs)
      const [theirSocket] = await accepted
      theirSocket.on('error', () => {}) // the line is cut in the end
      const theirs = serverSession(theirSocket, linkLimits)
      theirs.on('error', () => {})
      const session = await clientSession(socket, linkLimits)
      session.once('goaway', () => line.mute()) // so nobody answers the end of our side
      const link = makeLink(
        { agent: them.id, dialledBy: 'us', theirs: linkLimits },
        { session, socket, open: async () => undefined },
        { limits: linkLimits, metrics: createMetrics(), now: Date.now },
      )
      theirs.goaway(0)
      expect(await link.closed).to.equal('closed by the neighbour')
      await until(() => socket.closed, 'the connection has ended', 10_000)
    } finally {
      line.close()
      server.close()
    }
  })

  it('is not proved anew, even where it ended in the moment it was made', async () => {
    const b = await start()
    const line = await openLine(b.address)
    const a = await start({
      limits: { ratchetMs: 50 },
      ratchets: (kept) => afterFirst(ratchetsIn(kept), () => isCut(line)),
    })
    const timesProved = () => a.kept.ratchets.get(b.agent.id)?.n ?? 0
    try {
      a.neighbours.set(b.agent.id, { addresses: [line.address], standing: 'linked' })
      b.neighbours.set(a.agent.id, { addresses: [], standing: 'linked' })
      a.edge.refresh()
      await until(() => a.log.some(({ event, why }) => event === 'down' && why === 'closed at once'), 'it ended so')
      await areLinked(a, b)
      const before = timesProved()
      await until(() => timesProved() > before + 3, 'the next one is proved anew')
      expect(a.log.filter(({ address }) => address === 'the live link')).to.deep.equal([])
    } finally {
      line.close()
    }
  })
})

/** Does something when the dialler keeps the first secret that both have settled on: of all it does, the last before there is a link. */
const afterFirst = (ratchets: Ratchets, then: () => Promise<void>): Ratchets => {
  let isDone = false
  return {
    ...ratchets,
    async save(ratchet) {
      await ratchets.save(ratchet)
      if (isDone || ratchet.tentative) return
      isDone = true
      await then()
    },
  }
}

/** Cuts the line, and waits until both ends have heard of it. */
const isCut = async (line: Line): Promise<void> => {
  line.cut()
  await until(() => line.connections() === 0, 'the line is cut')
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * The listening end of links without a gateway behind it: TLS and HTTP/2 as gateway/link opens them, and nothing
 * else. A process of its own, that node spawns; it prints its agentId and port, and its sessions do nothing.
 */
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { makeCertificate } from '../../gateway/link/certificate.ts'
import { linkLimits } from '../../gateway/link/limits.ts'
import { serverOptions } from '../../gateway/link/peer.ts'
import { serverSession } from '../../gateway/link/session.ts'
import { generateAgent } from '../../src/identity/agent.ts'

const agent = generateAgent()
const keys = await makeCertificate(agent, Date.now())
const kept: unknown[] = []
const server = createServer(serverOptions(keys, linkLimits.handshakeMs), (socket) => {
  socket.on('error', () => socket.destroy())
  kept.push(serverSession(socket, linkLimits))
})
server.listen(0, '127.0.0.1', () =>
  console.log(JSON.stringify({ agentId: agent.id, port: (server.address() as AddressInfo).port })),
)

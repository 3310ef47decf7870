/**
 * Ports on loopback for what a test or a benchmark starts. All lie below 32 768, where those begin that the system gives
 * to clients and to whoever listens at port 0: a process that is started at one of them, or again, finds it free.
 */
import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'
import { portsFrom } from '../gateway/config/text.ts'

/** 100 ports each, from 20 000 on. */
const BASES = 126
/** Of the ports that are given one by one, from 10 000 on; the lock of each is as many further up. */
const SINGLE = 5_000
/**
 * By what was given. A listener at a base itself, which no gateway uses, or at the lock of a single port keeps it from
 * all other processes that look here.
 */
const held = new Map<number, Server>()

/**
 * @returns the first of `count` port bases, 100 apart, of which every port is free. They are kept for this process
 * until it ends, or lets them go: its gateways may stop for a while.
 */
export const freePortBase = async (count: number): Promise<number> => {
  for (let tries = 0; tries < 100; tries++) {
    const base = 20_000 + 100 * randomInt(BASES + 1 - count)
    const bases = Array.from({ length: count }, (_, at) => base + 100 * at)
    const listeners = await Promise.all(bases.map(listenerAt))
    const ports = bases.flatMap((from) => Object.values(portsFrom(from)))
    const isOurs = listeners.every((one) => one !== undefined) && (await Promise.all(ports.map(isFree))).every(Boolean)
    for (const [at, one] of listeners.entries())
      if (one && isOurs) held.set(base + 100 * at, one)
      else one?.close()
    if (isOurs) return base
  }
  throw new Error('no free ports on 127.0.0.1')
}

/** Others may have the base of a gateway that will not start again. */
export const letGo = (base: number): void => {
  held.get(base)?.close()
  held.delete(base)
}

/** @returns a port where nothing listens, kept for this process until it ends */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < 100; tries++) {
    const port = 10_000 + randomInt(SINGLE)
    const lock = await listenerAt(port + SINGLE)
    if (lock && (await isFree(port))) {
      held.set(port, lock)
      return port
    }
    lock?.close()
  }
  throw new Error('no free port on 127.0.0.1')
}

const listenerAt = (port: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy()).unref()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })

const isFree = async (port: number): Promise<boolean> => {
  const server = await listenerAt(port)
  if (server) await new Promise((closed) => server.close(closed))
  return server !== undefined
}

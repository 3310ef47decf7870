/**
 * Gateways of the benchmarks: ordinary ones, with a listener for a trusted device beside the usual
 * ones, for `smtp-source` speaks neither TLS nor AUTH.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Gateway, type Person, sleep } from '../neighbourhood.ts'
import { freePort } from '../ports.ts'

export type Device = { gateway: Gateway; person: Person; port: number }

/** A gateway with one account, as which whoever speaks to `port` sends. Not started yet. */
export const withDevice = async (gateway: Gateway, name: string): Promise<Device> => {
  await gateway.init('--net', 'bench', '--plain-loopback')
  const person = await gateway.addUser(name, `${name}-s password`)
  const port = await freePort()
  gateway.set('messages_per_minute', '1000000')
  appendFileSync(
    join(gateway.home, 'vouchsafe.toml'),
    `\n[smtp.trusted]\nlisten = "127.0.0.1:${port}"\naccounts = { "127.0.0.1" = "${person.address}" }\n`,
  )
  return { gateway, person, port }
}

/** Milliseconds of processor time that a process has used, all its threads together. */
export const processorMs = (gateway: Gateway): number => {
  const stat = readFileSync(`/proc/${gateway.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name before may hold anything
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/**
 * Resolves when gateways have done what mail leaves them for later: reports that go home, and the text index, which takes
 * half of a processor for a second per thousand messages. Who is measured meanwhile, pays for it.
 */
export const atRest = async (...gateways: Gateway[]): Promise<void> => {
  const look = () => gateways.reduce((sum, gateway) => sum + processorMs(gateway), 0)
  for (let before = Number.NaN, now = look(); !(now - before <= REST_MS * gateways.length); ) {
    await sleep(LOOK_MS)
    ;[before, now] = [now, look()]
  }
}

/** The index begins 300 ms after the last message, and pauses between two batches for as long as one takes. */
const LOOK_MS = 1000
/** What a gateway does in that time with nothing to do. */
const REST_MS = 20

/** USER_HZ is 100 on every architecture Linux still runs on. */
const TICK_MS = 10

/** MB of memory that a process holds. */
export const residentMb = ({ pid }: { pid?: number | undefined }): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6
}

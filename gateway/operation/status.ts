/** Whether all is well, in one answer: for people (`vouchsafe status`) and for /health. */
import { X509Certificate } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import { levelOf } from '../../src/complaint/policy.ts'
import type { Custody } from '../../src/custody/custody.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { isLinked } from '../../src/link/standing.ts'
import { tellEnd } from '../../src/report/expiring.ts'
import { type Account, list } from '../../store/account.ts'
import { countUnfinished } from '../../store/web.ts'
import { countOverdue } from '../carry/intake.ts'
import { certificateOf, clientSettings } from '../config/settings.ts'
import { endingKeys } from '../expiry.ts'
import type { House, Operation } from '../house.ts'
import { endDay, lifeLeft, openTls } from '../tls.ts'
import { version } from '../version.ts'
import { frozenProblems } from './alert.ts'
import { mailServer } from './reachable.ts'

export type Status = {
  version: string
  /** Null when no gateway runs on the home. */
  upMs: number | null
  domain: string
  agent: string
  words: string
  accounts: number
  links: { up: number; down: number }
  underway: number
  /** SHA-256 of the certificate that mail clients see, and until when it holds; null if there is none to start with. */
  certificate: string | null
  settings: Record<string, string>
  listening: Record<string, string[]>
  /** What is wrong, each with what to do; none when all is well. */
  problems: string[]
  /** What a new home still lacks. */
  advice: string[]
}

/** Below this a durable write may fail soon; SMTP says "try again" when it does. */
const LEAST_FREE_BYTES = 200 * 1024 ** 2

export const roomAt = async (home: string): Promise<{ mib: number; isLittle: boolean }> => {
  const { bavail, bsize } = await statfs(home)
  const bytes = bavail * bsize
  return { mib: Math.round(bytes / 1024 ** 2), isLittle: bytes < LEAST_FREE_BYTES }
}

export const status: Operation<object, Status> = async (house) => {
  const { serving, web, keyring, config, domain, home } = house
  const active = web.links().filter(isLinked)
  const up = active.filter((link) => link.up).length
  const { db } = house.store
  const [all, queue, counts] = await Promise.all([list(db), web.queue(), countUnfinished(db)])
  const accounts = all.length
  const certificate = await certificateIn(house)
  return {
    version,
    upMs: serving ? Date.now() - serving.since : null,
    domain,
    agent: keyring.agent.id,
    words: fingerprintWords(keyring.agent.id),
    accounts,
    links: { up, down: active.length - up },
    underway: [...counts.values()].reduce((sum, count) => sum + count, 0),
    certificate: certificate.shown,
    settings: clientSettings(config),
    listening: serving?.listening ?? {},
    problems: [
      ...(serving ? [] : ['the gateway does not run: vouchsafe serve']),
      ...certificate.problems,
      ...(await diskProblems(home)),
      ...keyProblems(house, all),
      ...stoppedProblems(house, all),
      ...(serving?.reach.problems() ?? []),
      ...(serving?.certifying.problems() ?? []).map(({ what, detail, fix }) => `${what}: ${detail}; ${fix}`),
      ...(await mailServer(house)).flatMap(({ what, state, detail }) =>
        state === 'wrong' ? [`${what}: ${detail}`] : [],
      ),
      ...frozenProblems(web.links()),
      ...(serving && up === 0 && queue.some(wantsNeighbour)
        ? ['mail waits and no neighbour is connected: vouchsafe doctor']
        : []),
      ...(await overdueProblems(house)),
      ...(await endProblems(house)),
    ],
    advice: [
      ...(accounts > 0 ? [] : [`vouchsafe user add you@${domain}`]),
      ...(active.length > 0 ? [] : ['vouchsafe link invite, or vouchsafe link accept CODE']),
      ...(house.knocking.list().some(({ at }) => at === 'pending')
        ? ['vouchsafe link list: somebody asks to become a neighbour']
        : []),
    ],
  }
}

const overdueProblems = async ({ store, serving }: House): Promise<string[]> => {
  const letters = await countOverdue(store, Date.now())
  if (letters === 0) return []
  const fix = serving ? 'why, is in the log, in the area intake' : 'they are as soon as it runs'
  return [`${letters} of the letters taken for people here are not delivered yet: ${fix}`]
}

/** It would be handed to a neighbour if one were there. */
const wantsNeighbour = (row: Custody): boolean => row.state === 'waiting' && row.lodge === undefined && !row.isHeldBack

/** What is wrong is that of the files as they are: it counts at the next start, whatever is in service now. */
const certificateIn = async (house: House): Promise<{ shown: string | null; problems: string[] }> => {
  const { home, config, serving } = house
  const tls = await openTls(certificateOf(home, config)).catch((error: Error) => error)
  if (tls instanceof Error)
    return {
      shown: serving ? shownOf(serving.certificate()) : null,
      problems: [`the certificate for mail clients: ${tls.message}`],
    }
  const { certificate } = tls.current()
  const { told, isLittle } = lifeLeft(certificate, 7)
  return {
    shown: shownOf(serving?.certificate() ?? certificate),
    problems: isLittle ? [`the certificate for mail clients ${told}: renew it`] : [],
  }
}

const shownOf = (certificate: string): string =>
  `${new X509Certificate(certificate).fingerprint256}, until ${endDay(certificate)}`

const diskProblems = async (home: string): Promise<string[]> => {
  const { mib, isLittle } = await roomAt(home)
  return isLittle ? [`only ${mib} MiB are free at ${home}: mail is refused when the disk is full`] : []
}

const keyProblems = ({ keyring, home }: House, accounts: Account[]): string[] =>
  accounts
    .filter(({ entityId }) => keyring.entity(entityId) === undefined)
    .map(({ address }) => `the key of ${address} is missing from ${home}/key: restore it from a backup`)

/** Others complained about them: src/complaint/policy.ts. */
const stoppedProblems = ({ web, config }: House, accounts: Account[]): string[] =>
  accounts.flatMap(({ address, entityId }) => {
    const level = levelOf(web.repute(entityId), config.complaints.policy, Date.now())
    return level === 'stopped' || level === 'slowed'
      ? [`mail by ${address} is ${level}, for others complained: vouchsafe user show ${address}`]
      : []
  })

const endProblems = async ({ keyring }: House): Promise<string[]> => {
  const now = Date.now()
  return (await endingKeys(keyring, now)).map(
    ({ address, ends }) => `the key of ${address} ${tellEnd(ends, now)}: vouchsafe key rotate ${address}`,
  )
}

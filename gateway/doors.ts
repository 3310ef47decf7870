/**
 * The doors of the house: mail clients (SMTP, IMAP, their settings), the command line, and whoever watches its
 * health. What is behind them is open already.
 */
import { levelOf } from '../src/complaint/policy.ts'
import { Refusal } from '../src/refusal.ts'
import { byAddress } from '../store/account.ts'
import { discardDraft, startBody } from '../store/spool.ts'
import { keepCertified } from './acme/keep.ts'
import type { FirstHops } from './carry/first-hop.ts'
import { openIntake } from './carry/intake.ts'
import { roomIn } from './carry/room.ts'
import { lookup } from './carry/searches.ts'
import { submit } from './carry/submit.ts'
import { isAbuseDesk, openAbuseDesk } from './complaint/abuse.ts'
import { certificateOf } from './config/settings.ts'
import { writeHostPort } from './config/value.ts'
import { controlPath, serveControl } from './control.ts'
import { countLinks, countStates, startHealth, watchHealth } from './health.ts'
import { usualTiming } from './imap/edge.ts'
import { startImap } from './imap/imap.ts'
import { openLogins } from './login.ts'
import { logFailures } from './operation/error.ts'
import { operationsOf } from './operation/operations.ts'
import { recipientsWithOwner, withOwner } from './postmaster.ts'
import type { Reaching } from './reach/reach.ts'
import { keepRenewed } from './renewal.ts'
import type { Rooms } from './rooms.ts'
import { startSetup } from './setup/server.ts'
import { startSmtp } from './smtp/server.ts'
import { lifeLeft, openTls } from './tls.ts'

type Clients = {
  listening: Record<'smtp' | 'imap' | 'setup' | 'link' | 'health', string[]>
  reload(): void
  close(): Promise<void>
}

/** What the doors need of what was opened before them. */
type Behind = { reach: Reaching; firstHops: FirstHops | undefined; renewed(): void }

/** The doors of mail clients, of the command line and of whoever watches; all of them, or none stays open. */
export const openClients = async (rooms: Rooms, behind: Behind): Promise<Clients> => {
  const doors: { close(): Promise<void> }[] = []
  const close = async () => void (await Promise.all(doors.map((door) => door.close())))
  const opened = <Door extends { close(): Promise<void> }>(door: Door): Door => {
    doors.push(door)
    return door
  }
  try {
    return { ...(await openDoors(rooms, behind, opened)), close }
  } catch (error) {
    await close()
    throw error
  }
}

const openDoors = async (
  { core, house, searches }: Rooms,
  { reach, firstHops, renewed }: Behind,
  opened: <Door extends { close(): Promise<void> }>(door: Door) => Door,
): Promise<Omit<Clients, 'close'>> => {
  const { config, store, home } = house
  const { db } = store
  const hasRoom = roomIn(core, config.accounts.quotaBytes)
  const since = core.now()
  const tls = await openTls(certificateOf(home, config))
  const { days, told } = lifeLeft(tls.current().certificate, 0)
  if (days < 0) core.log.error({ event: 'certificate-ended' }, `the certificate ${told}: renew it`)
  const logins = openLogins(db, config.login, core.engine.state.domains)
  const { holds } = logins('smtp')
  const { plainLoopback } = config.login
  const shared = { log: core.log, metrics: core.metrics }

  const desk = openAbuseDesk(core, house.gestures, (submission) => submit(core, submission, firstHops))
  const intake = opened(await openIntake(core, desk))
  const smtp = opened(
    await startSmtp({
      ...shared,
      ...logins('smtp'),
      config: { ...config.smtp, domain: house.domain, plainLoopback },
      tls: tls.current(),
      account: (address) => byAddress(db, address),
      isThere: ({ address, entityId, by }) =>
        core.engine.state.addresses.get(address) === entityId && (by === undefined || holds(by)),
      levelOf: ({ entityId }) => levelOf(core.engine.state.repute.get(entityId), config.complaints.policy, core.now()),
      lookup: async (named) => {
        const address = withOwner(core.engine.state, named)
        if (isAbuseDesk(core.engine.state, address)) return 'here'
        if (await hasRoom(core.engine.state.addresses.get(address) ?? '')) return lookup(core.engine, searches, address)
        throw new Refusal('mailbox-full', 'a mailbox here is full')
      },
      submit: (given) =>
        intake.take({ ...given, recipients: recipientsWithOwner(core.engine.state, given.recipients) }),
      startBody: () => startBody(home),
      discard: (draft) => discardDraft(home, draft),
    }),
  )
  const limits = { appendLimit: config.smtp.sizeLimit, quota: config.accounts.quotaBytes, timing: usualTiming }
  const imap = opened(
    await startImap({
      ...shared,
      ...logins('imap'),
      store,
      config: { ...config.imap, ...limits, plainLoopback },
      tls: tls.current,
    }),
  )
  const setup = opened(
    await startSetup({
      config,
      name: config.gateway.name,
      domain: house.domain,
      domains: core.engine.state.domains,
      tls,
      log: core.log,
      now: core.now,
    }),
  )
  core.metrics.watch({ custody: () => countStates(store), links: async () => countLinks(core.engine.state) })

  const listening = {
    smtp: smtp.addresses.map(({ address, port }) => writeHostPort({ host: address, port })),
    imap: imap.addresses.map(writeHostPort),
    setup: setup.addresses,
    link: [writeHostPort(core.link.address)],
    health: [writeHostPort(config.health.listen)],
  }
  const renewal = opened(keepRenewed(tls, [smtp.useTls, setup.useTls], core.log))
  const certificate = () => tls.current().certificate
  const certifying = opened(keepCertified(home, config.tls.acme, { ...core, takeUp: renewal.look }))
  opened(
    await serveControl(
      controlPath(home),
      operationsOf({ ...house, serving: { since, listening, reach, certifying, certificate, renewed } }),
      logFailures(core.log),
    ),
  )
  // Last: whoever sees it answer may count on all the others.
  const health = opened(
    await startHealth({
      listen: config.health.listen,
      health: watchHealth(store),
      registry: core.metrics.registry,
      log: core.log,
    }),
  )
  listening.health = [health.address]
  const reload = () => {
    void renewal.reload()
    void certifying.again()
  }
  return { listening, reload }
}

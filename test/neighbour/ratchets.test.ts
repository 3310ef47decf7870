/** Whose word a REKEY is, and what is kept of it: two homes, no line between them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { defaultPorts } from '../../gateway/config/text.ts'
import { loadState } from '../../gateway/engine/batch.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { makeHome } from '../../gateway/home.ts'
import { openKeyring } from '../../gateway/keys.ts'
import { createLog } from '../../gateway/log.ts'
import { keepRatchets, notePairings } from '../../gateway/neighbour/ratchets.ts'
import { generateEntity } from '../../src/identity/entity.ts'
import type { Alarm } from '../../src/link/alert.ts'
import { freshRatchet } from '../../src/link/ratchet.ts'
import { admitLocal, emptyState } from '../../src/state.ts'
import { openStore } from '../../store/store.ts'
import { until } from '../link/agents.ts'

const log = createLog({ level: 'silent', format: 'json' })
const stand = { n: 1, incarnation: '0'.repeat(16) }
const diverged: Alarm = { what: 'diverged', ours: stand, theirs: stand, seenBy: 'us' }

/** A home with an operator, and a clock of its own. */
const openSide = async (name: string) => {
  const home = await mkdtemp(join(tmpdir(), 'vouchsafe-ratchets-'))
  await makeHome(home, { domain: `${name}.test`, name, ports: defaultPorts }, {})
  const [keyring, store] = await Promise.all([openKeyring(home), openStore(home)])
  const { agent } = keyring
  const state = emptyState(agent.id, `${name}.test`)
  await loadState(store.db, state)
  const engine = startEngine(store.db, state, log)
  const clock = { now: Date.now() }
  const self = { name, addresses: () => [] }
  const shared = { agent, net: 'test', self, keyring, store, engine, log, now: () => clock.now }
  const operate = async (who: string, account: number) => {
    const entity = await generateEntity({ name: who, address: `${who}@${name}.test`, now: clock.now })
    await keyring.add(entity)
    admitLocal(state, { entity: entity.id, account, address: entity.address })
  }
  const close = async () => {
    await engine.settled()
    await store.close()
    await rm(home, { recursive: true, force: true })
  }
  return { agent: agent.id, ratchets: keepRatchets(shared, 10), engine, state, clock, operate, close }
}
type Side = Awaited<ReturnType<typeof openSide>>

describe('a REKEY between two homes', function () {
  this.timeout(60_000)
  let [a, b]: Side[] = []
  const sides = (): [Side, Side] => [a ?? expect.fail(), b ?? expect.fail()]
  const meet = async (one: Side, other: Side) => {
    const link = { agent: other.agent, name: 'it', addresses: [], state: 'active' as const, since: 0, up: false }
    await one.engine.handle({ on: 'linked', link })
    await one.ratchets.pair(other.agent)
  }
  const linkAt = (one: Side, other: Side) => one.state.links.get(other.agent) ?? expect.fail()
  const alertsAt = (one: Side, other: Side) => (linkAt(one, other).alerts ?? []).map(({ what }) => what)
  /** What `one` says of itself at a connection, as `other` hears it. */
  const say = async (one: Side, other: Side) => one.ratchets.resume(await one.ratchets.load(other.agent))
  const rekeyOf = async (one: Side, other: Side) => (await say(one, other)).rekey ?? expect.fail('none is owed')
  const hear = async (one: Side, other: Side, text: string) =>
    one.ratchets.rekeyed(await one.ratchets.load(other.agent), text).then(
      () => 'taken',
      (error) => error.code,
    )

  beforeEach(async () => {
    ;[a, b] = await Promise.all([openSide('anna'), openSide('bert')])
    await a.operate('ann', 1)
    await Promise.all([meet(a, b), meet(b, a)])
    b.ratchets.met(a.agent, (await say(a, b)).owner)
    await until(() => linkAt(sides()[1], sides()[0]).owner?.address === 'ann@anna.test', 'b knows who operates a')
    await b.ratchets.save({ ...freshRatchet(a.agent, '0'.repeat(16)), key: 'A'.repeat(43), n: 5 })
    await b.ratchets.alarm(a.agent, diverged)
  })
  afterEach(async () => void (await Promise.all([a?.close(), b?.close()])))

  it('by the operator thaws the link, and what was shared is forgotten on both sides', async () => {
    const [one, other] = sides()
    await one.ratchets.rekey(other.agent)
    expect(await hear(other, one, await rekeyOf(one, other))).to.equal('taken')
    for (const [mine, theirs] of [
      [one, other],
      [other, one],
    ] as const)
      expect(await mine.ratchets.load(theirs.agent))
        .to.deep.include({ initial: 'open', n: 0 })
        .and.not.have.property('key')
    expect(linkAt(other, one)).not.to.have.property('frozen')
    expect(alertsAt(other, one)).to.deep.equal(['diverged', 'rekeyed'])
  })

  it('counts once: shown again after the next theft, it thaws nothing', async () => {
    const [one, other] = sides()
    await one.ratchets.rekey(other.agent)
    const text = await rekeyOf(one, other)
    await hear(other, one, text)
    await other.ratchets.alarm(one.agent, { ...diverged, ours: { ...stand, n: 9 } })
    expect(await hear(other, one, text)).to.equal('taken')
    expect(linkAt(other, one).frozen?.why).to.equal('diverged')
  })

  it('older than one that was taken, or from the future, is refused', async () => {
    const [one, other] = sides()
    await one.ratchets.rekey(other.agent)
    const old = await rekeyOf(one, other)
    one.clock.now += 60_000
    await one.ratchets.rekey(other.agent)
    expect(await hear(other, one, await rekeyOf(one, other))).to.equal('taken')
    expect(await hear(other, one, old)).to.equal('rekey-invalid')
    other.clock.now -= 3_600_000
    one.clock.now += 1
    await one.ratchets.rekey(other.agent)
    expect(await hear(other, one, await rekeyOf(one, other))).to.equal('rekey-invalid')
  })

  it('that nobody here can sign is not kept silent about: no handshake begins, that would look like a copy', async () => {
    const [one, other] = sides()
    const owed = { ...freshRatchet(one.agent, '1'.repeat(16)), rekey: { epoch: 1, reason: 'restore' as const } }
    await other.ratchets.save(owed)
    const said = await say(other, one).catch((error) => error)
    expect(said).to.include({ code: 'link-unproven' })
    expect(said.detail).to.match(/user add.*link invite/)
    await other.operate('bob', 1)
    expect(await rekeyOf(other, one)).to.be.a('string')
  })

  it('by anybody else is refused, and that is an alert', async () => {
    const [one, other] = sides()
    await one.operate('postmaster', 2) // who would be the operator from now on, but was not seen first
    await one.ratchets.rekey(other.agent)
    expect(await hear(other, one, await rekeyOf(one, other))).to.equal('rekey-invalid')
    expect(linkAt(other, one).frozen?.why).to.equal('diverged')
    other.ratchets.met(one.agent, (await say(one, other)).owner)
    await until(() => alertsAt(other, one).includes('owner'), 'the new operator is an alert')
    expect(alertsAt(other, one)).to.deep.equal(['diverged', 'rekey-refused', 'owner'])
    expect(linkAt(other, one).owner?.address).to.equal('ann@anna.test')
  })

  it('can not be made where nobody has an account, and is not believed of somebody never seen', async () => {
    const [one, other] = sides()
    const said = await other.ratchets.rekey(one.agent).catch((error: Error) => error.message)
    expect(said).to.include('vouchsafe link invite')
    await other.operate('bob', 1)
    await other.ratchets.rekey(one.agent)
    expect(await hear(one, other, await rekeyOf(other, one))).to.equal('rekey-invalid')
  })

  it('a pairing that a crash left unnoted is noted at the start, and one that was is left alone', async () => {
    const [one, other] = sides()
    const { ratchets, engine, state, clock } = one
    const shared = { ...freshRatchet(other.agent, '0'.repeat(16)), key: 'A'.repeat(43), n: 5, at: clock.now }
    const { initial: _, ...moved } = shared
    const link = { ...linkAt(one, other), since: clock.now + 1 }
    for (const [at, noted] of [
      [clock.now, 'open'],
      [clock.now + 2, undefined],
    ] as const) {
      await ratchets.save({ ...moved, at })
      await engine.handle({ on: 'linked', link })
      await notePairings({ engine, ratchets })
      const found = await ratchets.load(other.agent)
      expect([found.initial, found.key]).to.deep.equal([noted, moved.key])
    }
    state.links.set(other.agent, { ...link, state: 'revoked', since: clock.now + 3 })
    await notePairings({ engine, ratchets })
    expect((await ratchets.load(other.agent)).initial).to.equal(undefined)
  })
})

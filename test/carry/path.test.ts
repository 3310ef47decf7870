import { expect } from 'chai'
import { answerWho, passOn, recallPath, verifyPath } from '../../gateway/carry/path.ts'
import { targetOfAddress } from '../../src/address.ts'
import { signRecord } from '../../src/identity/record.ts'
import { ROUTE_LIFE_MS, routeOf } from '../../src/route/cache.ts'
import { emptyState } from '../../src/state.ts'
import type { PathMessage } from '../../src/wire/record.ts'
import { routes } from '../../store/web.ts'
import { NET, type Person, person, refusalOf } from '../identity/people.ts'
import { eachWithStore } from '../store/home.ts'

/** N asks X, who asks R; R has asked before, over Y, and T has answered: N – X – R – Y – T. Z is nobody's neighbour. */
describe('carry: an answer from memory', () => {
  const bench = eachWithStore()
  let people: Record<'n' | 'x' | 'r' | 'y' | 't' | 'z', Person>
  before(async () => {
    const [n, x, r, y, t, z] = await Promise.all(['n', 'x', 'r', 'y', 't', 'z'].map((name) => person(name)))
    if (!n || !x || !r || !y || !t || !z) throw new Error('somebody is missing')
    people = { n, x, r, y, t, z }
  })
  const at = ({ agent, entity }: Person) => ({
    agent,
    net: NET,
    now: Date.now,
    store: bench(),
    engine: { state: emptyState(agent.id, 'here.test') },
    keyring: { entity: (id: string) => (id === entity.id ? entity : undefined) },
  })
  const qid = (digit: string) => digit.repeat(32)
  const ids = (...them: Person[]) => them.map(({ agent }) => agent.id)
  const target = targetOfAddress('t@t.test')

  /** What R heard when it asked. */
  const heardByR = async (): Promise<PathMessage> => {
    const { r, y, t } = people
    const asked = {
      do: 'answer' as const,
      to: y.agent.id,
      qid: qid('1'),
      target,
      entity: t.entity.id,
      route: ids(r, y, t),
    }
    const path = await answerWho(at(t), asked)
    if (path === undefined) throw new Error('T did not answer')
    return passOn(at(y), path)
  }
  const recalledBy = async (who: Person, route: string[], heard?: PathMessage): Promise<PathMessage> => {
    const way = routeOf({ entity: people.t.entity.id, hops: ids(people.r, people.y, people.t), expires: Date.now() })
    const proof = JSON.stringify(heard ?? (await heardByR()))
    await bench().db.transaction((tx) => routes.save(tx, [{ ...way, proof }]))
    const effect = { do: 'recall' as const, to: '', qid: qid('2'), target, key: way.key, route }
    const message = await recallPath(at(who), effect)
    if (message === undefined) throw new Error('nothing was kept')
    return message
  }

  it('holds for the new asker, as if the target had signed the whole route', async () => {
    const { n, x, r, y, t } = people
    const message = await passOn(at(x), await recalledBy(r, ids(n, x, r)))
    const { record, known } = await verifyPath(at(n), message)
    expect(record).to.deep.include({ qid: qid('2'), target, route: ids(n, x, r, y, t), entity: t.entity.id })
    expect(known).to.deep.include({ address: 't@t.test', agent: t.agent.id })
    expect(record.expires, 'and no longer than the target said').to.be.below(Date.now() + ROUTE_LIFE_MS + 1)
  })

  it('holds for each relay that passes it on, before it signs', async () => {
    const { n, x, r, y, t } = people
    const { record } = await verifyPath(at(x), await recalledBy(r, ids(n, x, r)))
    expect(record.route).to.deep.equal(ids(n, x, r, y, t))
  })

  it('is refused where the key of anybody on it was stolen, this side of the relay or beyond', async () => {
    const { n, x, r, y } = people
    const message = await passOn(at(x), await recalledBy(r, ids(n, x, r)))
    for (const { agent } of [x, r, y]) {
      const asker = at(n)
      asker.engine.state.revoked.set(agent.id, { agent: agent.id, at: 1, heardAt: 1, isKnown: true })
      expect(await refusalOf(verifyPath(asker, message))).to.equal('agent-revoked')
    }
  })

  it('what was not kept is not made up', async () => {
    const effect = { do: 'recall' as const, to: '', qid: qid('2'), target, key: 'none', route: ids(people.n, people.r) }
    expect(await recallPath(at(people.r), effect)).to.equal(undefined)
  })

  const lies: [what: string, message: () => Promise<PathMessage>, code: string][] = [
    [
      'somebody shows a path that was never theirs',
      () => recalledBy(people.z, ids(people.n, people.z)),
      'chain-broken',
    ],
    [
      'a hop of the path shows it as its own, to be nearer than it is',
      () => recalledBy(people.y, ids(people.n, people.y)),
      'chain-broken',
    ],
    [
      'a relay between has not signed',
      async () => recalledBy(people.r, ids(people.n, people.x, people.r)),
      'chain-broken',
    ],
    [
      'a hop of the path is left out',
      async () => ({ ...(await recalledBy(people.r, ids(people.n, people.r))), hops: [] }),
      'chain-broken',
    ],
    [
      'the memory is of another path',
      async () => {
        const [one, other] = [await recalledBy(people.r, ids(people.n, people.r)), await heardByR()]
        const path = await signRecord(people.t.agent, NET, 'PATH', {
          ...JSON.parse(Buffer.from(other.path.split('.')[1] ?? '', 'base64url').toString()),
          qid: qid('3'),
        })
        return { ...other, path, cached: one.cached ?? '', cachedHops: [] }
      },
      'chain-broken',
    ],
    [
      'somebody stands on it twice',
      () => recalledBy(people.r, ids(people.n, people.y, people.r)).then((message) => passOn(at(people.y), message)),
      'chain-broken',
    ],
    [
      'it is no answer to what was asked',
      async () => {
        const { r, n } = people
        const message = await recalledBy(r, ids(n, r))
        const record = JSON.parse(Buffer.from((message.cached ?? '').split('.')[1] ?? '', 'base64url').toString())
        const cached = await signRecord(r.agent, NET, 'CACHED', { ...record, target: targetOfAddress('z@z.test') })
        return { ...message, cached }
      },
      'card-invalid',
    ],
    [
      'R speaks in another’s name',
      async () => {
        const { r, n, z } = people
        const message = await recalledBy(r, ids(n, r))
        const record = JSON.parse(Buffer.from((message.cached ?? '').split('.')[1] ?? '', 'base64url').toString())
        return { ...message, cached: await signRecord(z.agent, NET, 'CACHED', record) }
      },
      'chain-broken',
    ],
  ]
  for (const [what, message, code] of lies)
    it(`is refused where ${what}: ${code}`, async () =>
      expect(await refusalOf(verifyPath(at(people.n), await message()))).to.equal(code))
})

import { expect } from 'chai'
import { linkAlerts, linkRekey } from '../../gateway/operation/alert.ts'
import { doctor } from '../../gateway/operation/doctor.ts'
import { status } from '../../gateway/operation/status.ts'
import { userAdd } from '../../gateway/operation/user.ts'
import type { Link } from '../../src/state.ts'
import { links, ratchets } from '../../store/web.ts'
import { eachWithHouse } from '../gateway/house.ts'
import { serving } from './serving.ts'

const silent = () => {}
const bert = `${'b'.repeat(51)}a`
const link: Link = {
  agent: bert,
  name: 'Bert',
  addresses: [],
  state: 'active',
  since: 1,
  up: false,
  frozen: { since: 2, why: 'diverged' },
  alerts: [{ at: 2, what: 'diverged', text: 'found' }],
}

describe('link alerts and rekey', function () {
  this.timeout(60_000)
  const { house, again } = eachWithHouse()
  beforeEach(async () => {
    await house().store.db.transaction((tx) => links.save(tx, [link]))
    await again()
  })
  const problems = async () => (await status(house(), {}, silent)).problems.join()

  it('a frozen link is a problem, and what was found is told', async () => {
    expect(await linkAlerts(house(), {}, silent)).to.deep.equal({
      frozen: ['Bert'],
      alerts: [{ at: 2, what: 'diverged', text: 'found', agent: bert, name: 'Bert' }],
    })
    expect(await problems()).to.include('the link with Bert is frozen')
  })

  it('doctor knows a frozen link, and blames nobody who answers', async () => {
    const probe = async () => [{ address: 'b.test:2740', found: 'them' as const }]
    const reach = { ...serving.reach, probe }
    const { findings } = await doctor({ ...house(), serving: { ...serving, reach } }, {}, silent)
    expect(findings.filter(({ what }) => what === 'neighbour Bert')).to.deep.equal([
      {
        what: 'neighbour Bert',
        state: 'wrong',
        detail: 'the link is frozen: somebody has a copy of one of the two homes',
        fix: 'vouchsafe link alerts',
      },
    ])
  })

  it('rekey needs somebody who signs, and says so', async () => {
    const said = await linkRekey(house(), { neighbour: 'Bert' }, silent).catch((error: Error) => error.message)
    expect(said).to.match(/there is none\. .*pair again/)
  })

  it('rekey promises nothing to somebody who is no neighbour any more', async () => {
    await userAdd(house(), { address: 'ann', password: 'a long password' }, silent)
    await house().pairing.part(bert)
    const said = await linkRekey(house(), { neighbour: 'Bert' }, silent).catch((error: Error) => error.message)
    expect(said).to.include('Bert is no neighbour any more, and is told nothing: invite it again.')
    expect(await linkRekey(house(), {}, silent)).to.deep.equal([])
  })

  it('rekey thaws the link here, and is owed to the neighbour from then on, also after a restart', async () => {
    await userAdd(house(), { address: 'ann', password: 'a long password' }, silent)
    const [view] = await linkRekey(house(), {}, silent)
    expect(view).to.include({ name: 'Bert' }).and.not.have.property('frozen')
    await again()
    expect(await problems()).not.to.include('frozen')
    const [owed] = await ratchets.load(house().store.db, [bert])
    expect(owed?.rekey?.reason).to.equal('restore')
  })
})

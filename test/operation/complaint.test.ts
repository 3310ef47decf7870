import { expect } from 'chai'
import { standsOf } from '../../gateway/cli/complaint.ts'
import { describeWhy } from '../../gateway/cli/why.ts'
import type { House } from '../../gateway/house.ts'
import { complaintList, complaintRaise, complaintShow, complaintWithdraw } from '../../gateway/operation/complaint.ts'
import { linkOverrule } from '../../gateway/operation/link.ts'
import { userAdd, userAllow, userShow } from '../../gateway/operation/user.ts'
import { linkWhy } from '../../gateway/operation/why.ts'
import { complained, newCredit, wanted } from '../../src/credit/credit.ts'
import type { Ruling } from '../../src/link/ruling.ts'
import { byAddress } from '../../store/account.ts'
import { find } from '../../store/mailbox.ts'
import { append } from '../../store/message.ts'
import { complaints, credits, custody, links, repute, rulings } from '../../store/web.ts'
import { link, row } from '../custody/rows.ts'
import { eachWithHouse } from '../gateway/house.ts'
import { draft, letterOf } from '../store/home.ts'
import { serving } from './serving.ts'

const none = () => {}
const envelope = '0123456789abcdef0123456789abcdef'
const password = 'correct horse'
const agent = `${'r'.repeat(51)}a`

describe('complaints, as commands', function () {
  this.timeout(60_000) // a key for each account
  const { house, again } = eachWithHouse()
  const saidBy = (work: Promise<unknown>) =>
    work.then(
      () => '',
      (error: Error) => error.message,
    )

  const receive = async (name = 'ann', at = Date.now()): Promise<void> => {
    const { store, home } = house()
    const account = await byAddress(store.db, `${name}@a.test`)
    const inbox = await find(store.db, account?.id ?? 0, 'INBOX')
    const provenance = {
      key: `origin/${envelope}`,
      from: 'mal',
      address: 'mal@m.test',
      path: ['origin', 'relay', 'me'],
      at,
    }
    const letter = await draft(home, letterOf('buy'), { provenance, internalDate: at })
    await append(store.db, inbox?.id ?? 0, [letter])
  }
  const add = (name: string, to: House = house()) => userAdd(to, { address: name, password }, none)

  it('raised without a gateway, it waits for one, with its reason and whom it costs', async () => {
    await add('ann')
    await receive()
    const made = await complaintRaise(house(), { message: envelope, reason: 'fraud' }, none)
    expect(made).to.include({ stage: 'pending', reason: 'fraud', by: 'ann@a.test', of: 'mal@m.test', envelope })
    expect(made.costs?.agent).to.equal('relay')
    const { made: kept } = await complaintList(await again(), {}, none)
    expect(kept.map(({ stage }) => stage)).to.deep.equal(['pending'])
    expect((await complaintShow(house(), { envelope }, none)).made).to.have.length(1)
  })
  it('raised while a gateway runs, it is told what came of it', async () => {
    await add('ann')
    await receive()
    await house().gestures.start()
    const made = await complaintRaise({ ...house(), serving }, { message: envelope, reason: 'fraud' }, none)
    await house().gestures.stop()
    expect(standsOf(made)).to.equal('refused: complaint-unknown') // no such message came
  })
  it('what is due is not in its grace', () => {
    const pending = (dueAt: number) => standsOf({ stage: 'pending', dueAt, code: null })
    expect(pending(Date.now())).to.equal('about to be sent')
    expect(pending(Date.now() + 60_000)).to.match(/^in its grace, sent at /)
  })
  it('by Message-ID, with or without its brackets', async () => {
    await add('ann')
    await receive()
    await complaintRaise(house(), { message: '1@a.test', reason: 'abuse' }, none)
    expect(await saidBy(complaintRaise(house(), { message: '<1@a.test>', reason: 'abuse' }, none))).to.match(/already/)
  })
  it('withdrawn while it waits, it never was', async () => {
    await add('ann')
    await receive()
    await complaintRaise(house(), { message: envelope, reason: 'abuse' }, none)
    await complaintWithdraw(house(), { message: envelope }, none)
    expect(await complaintList(house(), {}, none)).to.deep.equal({ made: [], received: [] })
    expect(await saidBy(complaintWithdraw(house(), { message: envelope }, none))).to.match(/no complaint about this/)
  })
  it('where several have the message, one says who complains', async () => {
    await add('ann')
    await add('ben')
    await receive('ann')
    await receive('ben')
    const given = { message: envelope, reason: 'abuse' }
    expect(await saidBy(complaintRaise(house(), given, none))).to.match(/--as ADDRESS/)
    expect((await complaintRaise(house(), { ...given, as: 'ben' }, none)).by).to.equal('ben@a.test')
  })
  it('what can not be is told with the way out', async () => {
    await add('ann')
    const raise = (message: string, reason = 'abuse') => saidBy(complaintRaise(house(), { message, reason }, none))
    expect(await raise(envelope)).to.match(/No message .* Message-ID/)
    expect(await raise(envelope, 'boredom')).to.match(/abuse, fraud, virus, other/)
    expect(await raise("%' OR 1=1")).to.match(/No message/)
    await receive('ann', Date.now() - 8 * 86_400_000)
    expect(await raise(envelope)).to.match(/more than seven days/)
    expect(await saidBy(complaintShow(house(), { envelope }, none))).to.match(/No complaint .*complaint list/)
  })

  it('shown by Message-ID, too', async () => {
    await add('ann')
    await receive()
    await complaintRaise(house(), { message: envelope, reason: 'fraud' }, none)
    const reproach = { reason: 'abuse', by: 'the complainer', at: Date.now(), role: 'received', over: 'left' } as const
    await house().store.db.transaction(async (tx) => {
      await complaints.save(tx, [{ ...reproach, key: 'me/1', messageId: '<1@a.test>' }])
      await custody.save(tx, [row({ id: envelope, key: `origin/${envelope}`, role: 'destination', body: null })])
    })
    const shown = async (name: string) => {
      const { made, received } = await complaintShow(house(), { envelope: name }, none)
      return [made.length, received.length]
    }
    expect(await shown('1@me.test')).to.deep.equal([1, 0])
    expect(await shown('1@a.test')).to.deep.equal([0, 1])
    expect(await shown('<1@a.test>')).to.deep.equal([0, 1])
  })

  it('received and handed on are listed with who paid, and never with who complained', async () => {
    const { entity } = await add('ann')
    const at = Date.now()
    const base = { reason: 'abuse', by: 'the complainer' } as const
    await house().store.db.transaction((tx) =>
      complaints.save(tx, [
        { ...base, key: 'me/1', role: 'received', at, over: 'left', sender: entity, messageId: '<1@a.test>' },
        { ...base, key: 'x/2', role: 'passed', at: at - 1, over: 'left', charged: 'right' },
        { ...base, key: 'x/3', role: 'made', at, charged: 'right' },
      ]),
    )
    const all = await complaintList(house(), {}, none)
    expect(all.received.map(({ about, paid, charged }) => [about, paid?.agent, charged?.agent])).to.deep.equal([
      ['ann@a.test', 'left', undefined],
      [null, 'left', 'right'],
    ])
    expect(JSON.stringify(all)).not.to.contain('the complainer')
  })

  it('of more than anybody reads the latest are shown, and any that is asked for', async () => {
    const id = (n: number) => n.toString(16).padStart(32, '0')
    const heard = Array.from({ length: 1001 }, (_, n) => ({
      key: `x/${id(n)}`,
      role: 'passed' as const,
      reason: 'abuse' as const,
      by: 'b',
      at: Date.now() - 2000 + n,
      messageId: `<${n}@m.test>`,
      charged: n === 1000 ? 'left' : agent,
      over: n === 1000 ? agent : 'left',
    }))
    await house().store.db.transaction(async (tx) => {
      await links.save(tx, [link(agent, { name: 'Rita', up: false })])
      await complaints.save(tx, heard)
    })
    const { received } = await complaintList(await again(), {}, none)
    expect([received.length, received[0]?.envelope]).to.deep.equal([1000, id(1000)])
    const why = await linkWhy(house(), { neighbour: 'Rita' }, none)
    expect(why.complaints.slice(0, 2).map((one) => [one.direction, one.envelope])).to.deep.equal([
      ['ours', id(1000)],
      ['theirs', id(999)],
    ])
    for (const name of [id(0), '0@m.test', '<0@m.test>']) {
      const [shown] = (await complaintShow(house(), { envelope: name }, none)).received
      expect(shown?.envelope, name).to.equal(id(0))
    }
  })

  it('an account that others stopped is shown so, and sends again when it is allowed', async () => {
    const { entity } = await add('ann')
    expect((await userShow(house(), { address: 'ann' }, none)).sending.level).to.equal('free')
    const reproach = { key: 'me/1', by: 'one', reason: 'abuse', at: Date.now() } as const
    await house().store.db.transaction((tx) => repute.save(tx, [{ entity, reproaches: [reproach], isStopped: true }]))
    await again()
    expect((await userShow(house(), { address: 'ann' }, none)).sending).to.include({ level: 'stopped', complainers: 1 })
    expect((await userAllow(house(), { address: 'ann' }, none)).was).to.equal('stopped')
    expect((await userShow(await again(), { address: 'ann' }, none)).sending.level).to.equal('free')
  })

  it('why a neighbour is suspended is told in words, and the owner overrules it', async () => {
    const at = Date.now() - 1000
    const until = at + 7 * 86_400_000
    const found = {
      debt: 2.4,
      limit: 3,
      loads: [0.7, 0.8],
      load: 0.75,
      complaints: 6,
      sources: 3,
      messages: 20,
      rate: 0.134,
    }
    const ruling: Ruling = {
      ...found,
      id: `${agent} ${at}`,
      agent,
      rule: 'R2',
      at,
      until,
      was: 'active',
      keys: [`x/${envelope}`],
      befores: [],
    }
    const credit = { ...newCredit(at), debt: 2.4, agent }
    await house().store.db.transaction(async (tx) => {
      await links.save(tx, [
        { ...link(agent, { name: 'Rita', since: at, up: false }), state: 'suspended', stateSince: at, ruling },
      ])
      await rulings.save(tx, [ruling])
      await credits.save(tx, [credit])
      await complaints.save(tx, [
        { key: `x/${envelope}`, role: 'passed', reason: 'abuse', by: 'b', at, charged: agent, over: 'left' },
      ])
    })
    const why = await linkWhy(await again(), { neighbour: 'Rita' }, none)
    expect(why).to.deep.include({ state: 'suspended', limit: 3, accused: null })
    expect(why.debt).to.be.closeTo(2.4, 0.01)
    expect(why.theirs.isTaken, 'one more would be above the limit').to.equal(false)
    expect(why.decisions).to.have.length(1)
    const text = describeWhy(why)
    expect(text).to.match(/Rita owes us 2\.40/)
    expect(text).to.match(/by the rule R2/)
    expect(text).to.match(/6 complaints from 3 sources about 20 messages: more than 13 % are unwanted for sure/)
    expect(text).to.contain(envelope)

    expect((await linkOverrule(house(), { neighbour: 'Rita' }, none)).state).to.equal('active')
    const [decision] = (await linkWhy(await again(), { neighbour: 'Rita' }, none)).decisions
    expect(decision?.ended?.how).to.equal('overruled')
    expect(await saidBy(linkOverrule(house(), { neighbour: 'Rita' }, none))).to.match(/not suspended/)
  })
  it('why of one that stands says so, with what it says of us', async () => {
    const accused = {
      rule: 'R1',
      at: Date.now(),
      until: Date.now() + 1000,
      complaints: 3,
      messages: 4,
      keys: [`me/${envelope}`],
    } as const
    await house().store.db.transaction((tx) =>
      links.save(tx, [
        { ...link(agent, { name: 'Rita', up: false }), accused: { ...accused, keys: [...accused.keys] } },
      ]),
    )
    const why = await linkWhy(await again(), { neighbour: 'Rita' }, none)
    expect(why.theirs.isTaken).to.equal(true)
    const text = describeWhy(why)
    expect(text)
      .to.match(/owed +nothing/)
      .and.match(/suspended us +Rita/)
      .and.match(/not yet: cut whoever/)
  })

  it('why tells of the judgements of 28 days, and of none before', async () => {
    const credit = { ...newCredit(Date.now()), agent }
    for (const days of [200, 1]) {
      const at = Date.now() - days * 86_400_000
      complained(credit, 'theirs', 1, at, at)
      wanted(credit, 'ours', 1, 'somebody', at)
    }
    const { tally: _, ...ours } = credit.ours // as where nothing was judged this week
    await house().store.db.transaction(async (tx) => {
      await links.save(tx, [link(agent, { name: 'Rita', up: false })])
      await credits.save(tx, [{ ...credit, ours }])
    })
    const why = await linkWhy(await again(), { neighbour: 'Rita' }, none)
    expect([why.theirs.complaints, why.ours.wanted]).to.deep.equal([1, 1])
  })

  it('why of somebody who is no neighbour says how to find one', async () =>
    expect(await saidBy(linkWhy(house(), { neighbour: 'nobody' }, none))).to.match(/link list/))
})

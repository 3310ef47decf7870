import { X509Certificate } from 'node:crypto'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import type { House } from '../../gateway/house.ts'
import { doctor } from '../../gateway/operation/doctor.ts'
import { status } from '../../gateway/operation/status.ts'
import { generateEntity } from '../../src/identity/entity.ts'
import { rotateSubkeys } from '../../src/identity/subkeys.ts'
import { openIntakeFile } from '../../store/intake.ts'
import { custody } from '../../store/web.ts'
import { row } from '../custody/rows.ts'
import { eachWithHouse } from '../gateway/house.ts'
import { serving } from './serving.ts'

describe('what status finds wrong', () => {
  const { house } = eachWithHouse()
  const found = (more: Partial<House> = {}) => status({ ...house(), serving, ...more }, {}, () => {})

  it('a gateway that does not run, said once', async () => {
    const { problems, advice } = await status(house(), {}, () => {})
    expect(problems).to.deep.equal(['the gateway does not run: vouchsafe serve'])
    expect(advice.join()).not.to.match(/serve/)
    expect((await found()).problems).to.deep.equal([])
  })

  it('a certificate that can not be used, beside all the rest', async () => {
    const files = { certificate: join(house().home, 'gone.pem'), key: join(house().home, 'gone.key') }
    const config = { ...house().config, tls: files }
    const { certificate, accounts, problems } = await status({ ...house(), config }, {}, () => {})
    expect({ certificate, accounts }).to.deep.equal({ certificate: null, accounts: 0 })
    expect(problems[1]).to.match(/^the certificate for mail clients: Can't read \S+gone\.(pem|key): ENOENT/)
  })

  it('the certificate it tells is the one that mail clients see, whatever became of its files', async () => {
    const { fingerprint256 } = new X509Certificate(serving.certificate())
    expect((await found()).certificate).to.include(fingerprint256)
    const files = { certificate: '/no/c.pem', key: '/no/k.pem' }
    const gone = await found({ config: { ...house().config, tls: files } })
    expect([gone.certificate, gone.problems.length]).to.deep.equal([(await found()).certificate, 1])

    const { findings } = await doctor({ ...house(), serving }, {}, () => {})
    const told = findings.filter(({ what }) => what.startsWith('certificate for mail clients'))
    expect(told.map(({ what, detail }) => `${what}: ${detail.includes(fingerprint256)}`)).to.deep.equal([
      'certificate for mail clients: true',
      'certificate for mail clients from the next start: false',
    ])
  })

  it('mail that waits where no neighbour is connected, unless somebody holds it back', async () => {
    const keep = (more: object) =>
      house().store.db.transaction((tx) => custody.save(tx, [row({ body: null, ...more })]))
    await keep({ isHeldBack: true })
    expect((await found()).problems).to.deep.equal([])
    await keep({})
    expect((await found()).problems).to.deep.equal(['mail waits and no neighbour is connected: vouchsafe doctor'])
  })

  it('letters that were taken long ago and are not delivered', async () => {
    const { home, store } = house()
    const { file } = await openIntakeFile(home, store.db)
    const take = (at: number, isAlone: boolean) =>
      file.keep([{ given: JSON.stringify({ at }), bytes: Buffer.from('Subject: x\r\n\r\n') }], isAlone)
    await take(Date.now() - 50_000, true)
    expect((await found()).problems).to.deep.equal([])
    await take(Date.now() - 61_000, true)
    await take(Date.now(), false)
    expect((await found()).problems).to.deep.equal([
      '2 of the letters taken for people here are not delivered yet: why, is in the log, in the area intake',
    ])
    const stopped = await status(house(), {}, () => {})
    expect(stopped.problems[1]).to.match(/^2 of the letters .* they are as soon as it runs$/)
    await file.close(true)
    expect((await found()).problems).to.deep.equal([])
  })

  it('a key that has ended, but none that was made while the clock was ahead', async () => {
    const problemsOf = async (made: number, livesMs?: number) => {
      const entity = await generateEntity({ address: 'ann@a.test', name: '', now: made })
      const key = livesMs === undefined ? entity : await rotateSubkeys(entity, made + 1000, livesMs)
      const keyring = { ...house().keyring, entities: () => new Map([[key.id, key]]) }
      return (await found({ keyring })).problems
    }
    const now = Date.now()
    expect(await problemsOf(now - 100_000, 10_000)).to.deep.equal([
      'the key of ann@a.test has ended: vouchsafe key rotate ann@a.test',
    ])
    expect(await problemsOf(now + 3_600_000)).to.deep.equal([])
  })

  it('a mail server that can not be reached', async () => {
    const path = join(house().home, 'lmtp')
    const config = { ...house().config, delivery: { lmtp: { path } } }
    expect((await found({ config })).problems).to.match(/lmtp \(LMTP\): it can not be reached: ENOENT/)
    const server = createServer().listen(path)
    expect((await found({ config })).problems).to.deep.equal([])
    server.close()
  })
})

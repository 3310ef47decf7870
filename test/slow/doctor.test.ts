/**
 * What `doctor` says of three running gateways that are all neighbours: A only dials out, B and C are dialled.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { selfSigned } from '../../gateway/tls.ts'
import { befriend, Gateway, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'

type Finding = { what: string; state: string; side?: string; detail: string; fix?: string }
type LinkView = { name: string; agent: string; up: boolean; reach: { addresses: string[]; via: string[] } | null }

describe('doctor, from both ends', function () {
  this.timeout(120_000)
  let [a, b, c]: Gateway[] = []
  /** Takes connections and says nothing: a firewall that drops would look the same to who dials. */
  let hole: Server
  let holePort = 0

  before(async () => {
    const folder = temporaryFolder()
    const base = await freePortBase(3)
    const made = ['a', 'b', 'c'].map((name, i) => new Gateway(folder, name, `${name}.test`, base + 100 * i))
    ;[a, b, c] = made
    await Promise.all(made.map((one) => one.init('--net', 'journey', '--plain-loopback')))
    a?.set('announce', '[]')
    await Promise.all(made.map((one) => one.start()))
    await befriend(the(b), the(a))
    await befriend(the(c), the(a))
    await befriend(the(c), the(b))
    // News of a link goes round within two seconds: what A knows of B is by whom it may ask for it later.
    const common = (await linkAt(a, 'c'))?.agent ?? ''
    await until('B has told A that C is linked with it', async () =>
      Boolean((await linkAt(a, 'b'))?.reach?.via.includes(common)),
    )
    hole = createServer((socket) => socket.on('error', () => {}))
    await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve))
    const at = hole.address()
    holePort = typeof at === 'object' && at ? at.port : 0
  })
  after(async () => {
    hole?.close()
    await Promise.all([a, b, c].map((one) => one?.stop()))
  })

  const the = (one: Gateway | undefined): Gateway => {
    if (one === undefined) throw new Error('only after the start')
    return one
  }
  /** The command answers 1 when something is wrong, and its answer all the same. */
  const doctor = async (one: Gateway | undefined): Promise<{ findings: Finding[]; wrong: number }> =>
    the(one).answer(['doctor'])
  const about = (findings: Finding[], what: RegExp) => {
    const found = findings.filter((one) => what.test(one.what))
    expect(found, String(what)).to.have.length(1)
    return found[0]
  }

  it('when all is well it says so, and B is seen from outside by its neighbours', async () => {
    const [ofA, ofB] = [await doctor(a), await doctor(b)]
    expect(ofA.findings.filter(({ state }) => state === 'wrong')).to.deep.equal([])
    expect(about(ofA.findings, /reached from outside/)?.detail).to.match(/only dials/)
    expect(about(ofB.findings, /reached from outside/)).to.deep.include({ state: 'ok' })
    expect(about(ofB.findings, /reached from outside/)?.detail).to.match(/c/)
    expect(about(ofB.findings, /clock/)?.state).to.equal('ok')
    expect(about(ofB.findings, /link port/)?.state).to.equal('ok')
    expect(await the(b).command(['doctor'])).to.match(/Nothing is wrong\./)
  })

  it('a neighbour that does not run is its own fault', async () => {
    await the(b).stop()
    await until('A has noticed', async () => (await linkAt(a, 'b'))?.up === false)
    const { findings, wrong } = await doctor(a)
    expect(about(findings, /neighbour b/)).to.deep.include({ state: 'wrong', side: 'theirs' })
    expect(about(findings, /neighbour b/)?.detail).to.match(/no gateway runs there/)
    expect(about(findings, /neighbour c/)?.state).to.equal('ok')
    expect(wrong).to.equal(1)
  })

  it('a port that is closed from outside: B learns that it is B’s, and A that B runs all the same', async () => {
    const path = join(the(b).home, 'vouchsafe.toml')
    const text = readFileSync(path, 'utf8')
    const moved = text.replaceAll(`127.0.0.1:${the(b).ports.link}`, `127.0.0.1:${the(b).portBase + 41}`)
    writeFileSync(path, moved.replace(/^announce = .*$/m, `announce = ["127.0.0.1:${holePort}"]`))
    await the(b).start()
    await until('B is linked with C again', async () => (await linkAt(b, 'c'))?.up === true, 40_000)
    const ofB = about((await doctor(b)).findings, /reached from outside/)
    expect([ofB?.state, ofB?.side]).to.deep.equal(['wrong', 'ours'])
    expect(ofB?.fix).to.match(/firewall/)

    await until(
      'A has heard of C where B is',
      async () => (await linkAt(a, 'b'))?.reach?.addresses[0] === `127.0.0.1:${holePort}`,
      60_000,
    )
    const ofA = about((await doctor(a)).findings, /neighbour b/)
    expect([ofA?.state, ofA?.side]).to.deep.equal(['wrong', 'between'])
    expect(ofA?.detail).to.match(/it runs/)
  })

  it('a certificate that is not for the name that mail clients are told is noted', async () => {
    const { certificate, key } = await selfSigned(['other.test'], ['127.0.0.1'])
    const [certificatePath, keyPath] = [join(the(a).home, 'other.pem'), join(the(a).home, 'other.key')]
    writeFileSync(certificatePath, certificate)
    writeFileSync(keyPath, key, { mode: 0o600 })
    the(a).set('certificate', `"${certificatePath}"`)
    the(a).set('key', `"${keyPath}"`)
    the(a).set('imap', '"mail.a.test:993"')
    await the(a).stop()
    const noted = (await doctor(a)).findings.filter(({ what, state }) => /certificate/.test(what) && state === 'note')
    expect(noted.map(({ detail }) => detail)).to.deep.equal([
      'mail clients are told to connect to mail.a.test, and it is not for that name',
    ])
  })

  const linkAt = async (one: Gateway | undefined, name: string): Promise<LinkView | undefined> =>
    (await the(one).run<LinkView[]>(['link', 'list'])).find((link) => link.name === name)
})

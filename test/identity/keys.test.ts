import { generateKeyPairSync } from 'node:crypto'
import { openSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { defaultPorts } from '../../gateway/config/text.ts'
import { checkHome, makeHome } from '../../gateway/home.ts'
import { makeKeyring, openKeyring, passphraseOf } from '../../gateway/keys.ts'
import { base32 } from '../../src/address.ts'
import { type Entity, generateEntity, importEntity } from '../../src/identity/entity.ts'
import { sealerOf } from '../../src/identity/passphrase.ts'
import { fingerprintWords, readWords } from '../../src/identity/words.ts'
import { processorMs } from '../fixture/growth.ts'

describe('keyring', () => {
  let home: string
  let alice: Entity
  before(async () => {
    alice = await generateEntity({ name: 'Alice', address: 'alice@a.test', now: Date.now() })
  })
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'vouchsafe-keys-'))
  })
  afterEach(() => rm(home, { recursive: true }))

  const keyFile = (name = '') => join(home, 'key', name)
  const aliceFile = () => keyFile(`entity-${alice.id}.asc`)
  const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
  const faultOf = (promise: Promise<unknown>) => promise.then(String, (error: Error) => error.message)

  it('keeps the agent and every entity over a restart', async () => {
    const first = await makeKeyring(home)
    await first.add(alice)
    const again = await openKeyring(home)
    expect(again.agent.id).to.equal(first.agent.id)
    expect([...again.entities().keys()]).to.deep.equal([alice.id])
    expect(again.entity(alice.id)).to.include({ address: 'alice@a.test', name: 'Alice' })
  })

  it('made again is the same: nothing is replaced', async () =>
    expect((await makeKeyring(home)).agent.id).to.equal((await makeKeyring(home)).agent.id))

  it('is not made on demand where it should be', async () =>
    expect(await faultOf(openKeyring(home))).to.match(/key is missing: put it back/))

  it('is not given another agent when entities are left of it', async () => {
    await (await makeKeyring(home)).add(alice)
    await rm(keyFile('agent.pem'))
    expect(await faultOf(makeKeyring(home))).to.match(/agent.pem is missing/)
  })

  it('names the file that is damaged', async () => {
    await (await makeKeyring(home)).add(alice)
    const whole = await readFile(aliceFile(), 'utf8')
    await writeFile(aliceFile(), whole.replace(/\n\n-----BEGIN.*/s, '\n\nnothing'))
    expect(await faultOf(openKeyring(home))).to.include(`${aliceFile()} is damaged: put it back from a backup (`)
    await writeFile(aliceFile(), whole)
    const { privateKey } = generateKeyPairSync('x25519')
    for (const text of ['nothing', privateKey.export({ type: 'pkcs8', format: 'pem' })]) {
      await writeFile(keyFile('agent.pem'), text)
      expect(await faultOf(openKeyring(home))).to.include(`${keyFile('agent.pem')} is damaged: put it back`)
    }
  })

  it('is for its owner alone: 0700, files 0600, whatever the umask', async () => {
    const umask = process.umask(0)
    try {
      await (await makeKeyring(home)).add(alice)
    } finally {
      process.umask(umask)
    }
    expect(await modeOf(keyFile())).to.equal('700')
    for (const name of await readdir(keyFile())) expect(await modeOf(keyFile(name)), name).to.equal('600')
  })

  it('is refused when others can read a key, with the remedy', async () => {
    await (await makeKeyring(home)).add(alice)
    for (const [path, mode] of [
      [aliceFile(), '600'],
      [keyFile('agent.pem'), '600'],
      [keyFile(), '700'],
    ] as const) {
      await chmod(path, 0o755)
      expect(await faultOf(openKeyring(home))).to.equal(
        `${path} is open to others on this machine: chmod ${mode} ${path}`,
      )
      await chmod(path, Number.parseInt(mode, 8))
    }
  })

  it('forgets an entity that is removed, and removing it twice does no harm', async () => {
    const keyring = await makeKeyring(home)
    await keyring.add(alice)
    await Promise.all([keyring.remove(alice.id), keyring.remove(alice.id)])
    expect(keyring.entity(alice.id)).to.equal(undefined)
    expect((await openKeyring(home)).entities().size).to.equal(0)
  })

  it('takes an entity again with another address and name', async () => {
    const keyring = await makeKeyring(home)
    await Promise.all([keyring.add(alice), keyring.add({ ...alice, address: 'office@a.test', name: '' })])
    expect((await openKeyring(home)).entity(alice.id)).to.include({ address: 'office@a.test', name: '' })
  })

  it('opens with a key from before the clock was set back', async () => {
    const ahead = await generateEntity({ name: 'Ahead', address: 'ahead@a.test', now: Date.now() + 60_000 })
    await (await makeKeyring(home)).add(ahead)
    expect((await openKeyring(home)).entity(ahead.id)?.address).to.equal('ahead@a.test')
  })

  it('holds files that are keys for other programs as they are', async () => {
    await (await makeKeyring(home)).add(alice)
    const text = await readFile(aliceFile(), 'utf8')
    expect((await importEntity(text.slice(text.indexOf('-----')))).id).to.equal(alice.id)
  })

  it('does not take a key for what its file name says', async () => {
    await (await makeKeyring(home)).add(alice)
    const other = keyFile(`entity-${base32(Buffer.alloc(32))}.asc`)
    await writeFile(other, await readFile(aliceFile()), { mode: 0o600 })
    expect(await faultOf(openKeyring(home))).to.match(/holds another key than its name says/)
  })

  describe('after a crash', () => {
    // What a crash leaves before the rename: a file beside, cut off anywhere, of any mode.
    for (const left of ['', 'address: alice@a.test\nname: Al'])
      it(`that left ${left.length} bytes beside, has the old key, and the next try succeeds`, async () => {
        const keyring = await makeKeyring(home)
        await keyring.add(alice)
        await writeFile(`${aliceFile()}.new`, left, { mode: 0o666 })
        expect((await openKeyring(home)).entity(alice.id)?.name).to.equal('Alice')
        await keyring.add({ ...alice, name: 'Alice B.' })
        expect((await openKeyring(home)).entity(alice.id)?.name).to.equal('Alice B.')
        expect(await readdir(keyFile())).to.have.members(['agent.pem', `entity-${alice.id}.asc`])
        expect(await modeOf(aliceFile())).to.equal('600')
      })

    it('while the first key was written, is simply made again', async () => {
      await makeKeyring(home)
      await rm(keyFile('agent.pem'))
      await writeFile(keyFile('agent.pem.new'), '-----BEGIN', { mode: 0o600 })
      expect((await makeKeyring(home)).agent.id).to.equal((await openKeyring(home)).agent.id)
    })
  })

  describe('under a passphrase', () => {
    const passphrase = 'correct horse'

    it('shows nothing on the disk, and opens with the passphrase alone', async () => {
      const keyring = await makeKeyring(home, passphrase)
      await keyring.add(alice)
      for (const name of await readdir(keyFile()))
        expect(await readFile(keyFile(name), 'utf8')).to.match(/^vouchsafe-sealed 1 [^\n]*\n[A-Za-z0-9+/=]+\n$/)
      expect((await openKeyring(home, passphrase)).entity(alice.id)?.address).to.equal('alice@a.test')
      expect(await faultOf(openKeyring(home))).to.match(/sealed by a passphrase: give it by --passphrase-fd/)
      expect(await faultOf(openKeyring(home, 'wrong'))).to.match(/agent.pem: wrong passphrase/)
    })

    it('given later, what lay open is sealed', async () => {
      const { agent } = await makeKeyring(home)
      await openKeyring(home, passphrase)
      expect(await faultOf(openKeyring(home))).to.match(/sealed/)
      expect((await openKeyring(home, passphrase)).agent.id).to.equal(agent.id)
    })

    it('whoever only looks seals nothing', async () => {
      const { agent } = await makeHome(home, { ports: defaultPorts }, {})
      await writeFile(join(home, 'typo'), 'correct hores\n')
      const { keys } = await checkHome(home, { passphraseFd: openSync(join(home, 'typo'), 'r') }, () => {})
      expect(keys).to.equal(1)
      expect((await openKeyring(home)).agent.id).to.equal(agent)
    })
  })

  describe('finds its passphrase', () => {
    const file = (name: string, text: string) => writeFile(join(home, name), text, { mode: 0o600 })

    it('first in the file descriptor, then in the credential, then in the environment', async () => {
      await file('fd', 'by descriptor\n')
      await file('vouchsafe-passphrase', 'by credential\r\nsecond line')
      const env = { CREDENTIALS_DIRECTORY: home, VOUCHSAFE_PASSPHRASE: 'by environment' }
      expect(await passphraseOf({ env, passphraseFd: openSync(join(home, 'fd'), 'r') })).to.equal('by descriptor')
      expect(await passphraseOf({ env })).to.equal('by credential')
      expect(await passphraseOf({ env: { ...env, CREDENTIALS_DIRECTORY: '/nowhere' } })).to.equal('by environment')
      expect(await passphraseOf({ env: {} })).to.equal(undefined)
    })

    it('and an empty one is none that was meant', async () => {
      await file('fd', '\n')
      await file('vouchsafe-passphrase', '')
      const fromFd = passphraseOf({ env: {}, passphraseFd: openSync(join(home, 'fd'), 'r') })
      expect(await faultOf(fromFd)).to.match(/The passphrase is empty: .* --passphrase-fd \d+/)
      expect(await faultOf(passphraseOf({ env: { CREDENTIALS_DIRECTORY: home } }))).to.match(/The passphrase is empty/)
    })

    it('a descriptor that nobody opened is named', async () => {
      expect(await faultOf(passphraseOf({ env: {}, passphraseFd: 9_999 }))).to.match(/--passphrase-fd 9999 is not open/)
    })
  })
})

describe('a sealed text', () => {
  const sealed = sealerOf('pass\u00fc').seal('Geheimnis')

  it('opens with its passphrase, however the letters were composed', () =>
    expect(sealerOf('passu\u0308').unseal(sealed)).to.equal('Geheimnis'))

  it('opens with no other', () => expect(() => sealerOf('pass').unseal(sealed)).to.throw('wrong passphrase'))

  it('changed or cut off does not open', () => {
    const sealer = sealerOf('pass\u00fc')
    const [header, base64 = ''] = sealed.split('\n')
    const changed = Buffer.from(base64, 'base64')
    changed[30] = (changed[30] ?? 0) ^ 1
    expect(() => sealer.unseal(`${header}\n${changed.toString('base64')}\n`)).to.throw('was changed')
    expect(() => sealer.unseal(`${header}\n${base64.slice(0, 40)}`)).to.throw('cut off')
    expect(() => sealer.unseal(sealed.replace('15 8 1', '30 8 1'))).to.throw('not sealed by this program')
  })

  it('is never twice the same, though a thousand share one derivation', async () => {
    const sealer = sealerOf('p')
    const oneMs = await processorMs(() => sealer.unseal(sealer.seal('x')))
    const allMs = await processorMs(() => {
      const texts = Array.from({ length: 1000 }, () => sealer.seal('x'))
      expect(new Set(texts).size).to.equal(1000)
      expect(texts.map(sealer.unseal)).to.deep.equal(Array(1000).fill('x'))
    })
    expect(allMs).to.be.below(100 * oneMs) // deriving is nearly all that the first takes
  })
})

describe('fingerprint words', () => {
  it('are six words of the first 66 bits', () => {
    expect(fingerprintWords(base32(Buffer.alloc(32, 0)))).to.equal('abandon abandon abandon abandon abandon abandon')
    expect(fingerprintWords(base32(Buffer.alloc(32, 255)))).to.equal('zoo zoo zoo zoo zoo zoo')
    // 0x80 = 10000000000 0…: the word at index 1024
    expect(fingerprintWords(base32(Buffer.from([128, ...Array(31).fill(0)])))).to.match(/^length abandon/)
  })

  it('are read as people say and write them, and nothing else is', () => {
    const words = fingerprintWords(base32(Buffer.alloc(32, 7)))
    for (const said of [words, `  ${words.toUpperCase()} `, words.replaceAll(' ', '-'), words.replaceAll(' ', ' \n ')])
      expect(readWords(said)).to.equal(words)
    const [first = '', ...others] = words.split(' ')
    for (const wrong of ['', first, `${words} ${first}`, ['zzz', ...others].join(' '), base32(Buffer.alloc(32, 7))])
      expect(readWords(wrong), wrong).to.equal(undefined)
  })

  it('are of an id, not of anything', () => expect(() => fingerprintWords('alice')).to.throw('of an id'))
})

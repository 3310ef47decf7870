/** GnuPG 2.2 and Sequoia open and verify what we seal, and we what they seal. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import * as openpgp from 'openpgp'
import { makeCard, readCard } from '../../src/identity/card.ts'
import { exportEntity, importEntity, publicArmor } from '../../src/identity/entity.ts'
import { letterNotation } from '../../src/identity/letter.ts'
import { profile } from '../../src/identity/openpgp.ts'
import { open, openStream, seal, sealStream } from '../../src/identity/seal.ts'
import { rotateSubkeys } from '../../src/identity/subkeys.ts'
import { DAY, NET, type Person, person, refusalOf } from '../identity/people.ts'
import { need } from './need.ts'

const run = promisify(execFile)
const id = 'a1'.repeat(16)
const mail = Buffer.from('Subject: 100 % \xe4\r\n\r\nline\r\nbare\nno final newline', 'latin1')
const large = randomBytes(3 * 1024 * 1024)

describe('OpenPGP of others', function () {
  this.timeout(60_000)
  let folder: string
  let alice: Person
  let bob: Person
  /** Her subkeys were renewed just now. */
  let erin: Person
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vouchsafe-pgp-'))
    alice = await person('alice')
    bob = await person('bob')
    await writeFile(file('mail'), mail)
    await writeFile(file('large'), large)
    for (const { entity } of [alice, bob]) {
      await writeFile(file(`${entity.name}.key`), exportEntity(entity), { mode: 0o600 })
      await writeFile(file(`${entity.name}.cert`), publicArmor(entity))
    }
    await writeFile(file('sealed'), await seal(letter()))
    const old = await person('erin', Date.now() - DAY)
    await writeFile(file('sealed-before'), await seal({ ...letter(), to: old.card }))
    const entity = await rotateSubkeys(old.entity, Date.now())
    const card = await readCard(await makeCard(entity, old.agent.id, NET, { now: Date.now(), seq: 2 }), NET, Date.now())
    erin = { ...old, entity, card }
    await writeFile(file('sealed-after'), await seal({ ...letter(), to: card }))
    await writeFile(file('erin.key'), exportEntity(entity), { mode: 0o600 })
    await writeFile(file('erin.cert'), publicArmor(entity))
    const chunks: Uint8Array[] = []
    for await (const chunk of await sealStream({ ...letter(), plaintext: createReadStream(file('large')) }))
      chunks.push(chunk)
    await writeFile(file('sealed-large'), Buffer.concat(chunks))
  })
  after(() => rm(folder, { recursive: true }))

  const file = (name: string) => join(folder, name)
  const letter = () => ({ from: alice.entity, to: bob.card, id, card: alice.card.text, plaintext: mail })
  const opening = () => ({ to: bob.entity, net: NET, now: Date.now(), expect: { id } })
  const notationFor = (from: { id: string }, card: string): string => {
    const claim = { id, from: from.id, to: bob.entity.id, address: bob.entity.address, card }
    return Buffer.from(letterNotation(claim).value).toString()
  }
  const openLarge = () => {
    const kept: Uint8Array[] = []
    return openStream({
      ...{ ...opening(), payload: createReadStream(file('theirs')), replay: () => createReadStream(file('large')) },
      sink: async (chunk) => void kept.push(chunk),
    }).then((opened) => ({ ...opened, kept: Buffer.concat(kept) }))
  }

  describe('GnuPG 2.2', () => {
    before(async function () {
      need(this, 'gpg', 'gnupg')
      await gpg('--import', file('alice.key'), file('bob.key'))
    })
    after(() => run('gpgconf', ['--homedir', folder, '--kill', 'all']).catch(() => undefined))

    const options = [
      '--batch',
      '--yes',
      '--no-tty',
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
      '--trust-model',
      'always',
    ]
    const gpg = (...args: string[]) =>
      run('gpg', ['--homedir', folder, ...options, '--status-fd', '2', ...args], { maxBuffer: 2 ** 24 })
    const sign = (notations: string[], ...more: string[]) =>
      gpg('-o', file('theirs'), ...notations, '-r', bob.entity.address, ...more)
    /** As its option takes it: a percent sign would begin a substitution. */
    const sigNotation = (value: string) => ['--sig-notation', `letter@vouchsafe.alt=${value.replaceAll('%', '%%')}`]

    for (const [sealed, plain] of [
      ['sealed', 'mail'],
      ['sealed-large', 'large'],
    ] as const)
      it(`opens and verifies what we ${sealed}`, async () => {
        const { stderr } = await gpg('-o', file('out'), '-d', file(sealed))
        expect((await readFile(file('out'))).equals(await readFile(file(plain)))).to.equal(true)
        expect(stderr).to.match(/\[GNUPG:\] GOODSIG \w+ alice <alice@alice.test>/)
        expect(stderr).to.match(/\[GNUPG:\] VALIDSIG/)
        expect(stderr).to.match(/\[GNUPG:\] GOODMDC/)
        expect(stderr).to.match(/\[GNUPG:\] NOTATION_NAME letter@vouchsafe.alt/)
        expect(stderr).to.not.match(/WARNING: message was not integrity protected/)
      })

    for (const compressed of ['--compress-algo=none', '--compress-algo=zlib'])
      it(`seals what we open and verify, ${compressed}`, async () => {
        await sign(
          sigNotation(notationFor(alice.entity, alice.card.text)),
          '-u',
          alice.entity.address,
          compressed,
          '-se',
          file('mail'),
        )
        const opened = await open({ ...opening(), payload: await readFile(file('theirs')) })
        expect(opened.plaintext.equals(mail)).to.equal(true)
        expect(opened.from.entityId).to.equal(alice.entity.id)
      })

    it('seals what we open as a stream', async () => {
      await sign(
        sigNotation(notationFor(alice.entity, alice.card.text)),
        '-u',
        alice.entity.address,
        '-se',
        file('large'),
      )
      const { kept, from, size } = await openLarge()
      expect(kept.equals(large)).to.equal(true)
      expect({ size, from: from.entityId }).to.deep.equal({ size: large.length, from: alice.entity.id })
    })

    it('signs with a key it made itself: imported, it is an entity like any other', async () => {
      const who = 'Carol <carol@carol.test>'
      await gpg('--quick-generate-key', who, 'default', 'default', '1y')
      const { stdout } = await gpg('--armor', '--export-secret-keys', 'carol@carol.test')
      const carol = await importEntity(stdout)
      expect(carol).to.include({ address: 'carol@carol.test', name: 'Carol' })
      const now = Date.now()
      const card = await makeCard(carol, alice.agent.id, NET, { now, seq: 1 })
      await sign(sigNotation(notationFor(carol, card)), '-u', carol.address, '-se', file('mail'))
      const opened = await open({ ...opening(), payload: await readFile(file('theirs')) })
      expect(opened.from.entityId).to.equal(carol.id)

      const back = await seal({ ...letter(), to: await readCard(card, NET, now) })
      await writeFile(file('to-carol'), back)
      await gpg('-o', file('out'), '-d', file('to-carol'))
      expect((await readFile(file('out'))).equals(mail)).to.equal(true)
    })

    it('opens with renewed subkeys what was sealed before and after, and seals for the new one', async () => {
      await gpg('--import', file('erin.key'))
      for (const sealed of ['sealed-before', 'sealed-after']) {
        await gpg('-o', file('out'), '-d', file(sealed))
        expect((await readFile(file('out'))).equals(mail), sealed).to.equal(true)
      }
      const { stderr } = await gpg('-o', file('theirs'), '-r', erin.entity.address, '-e', file('mail'))
      const inUse = erin.card.publicKey.subkeys.map((one) => one.getKeyID().toHex().toUpperCase())
      const { stdout } = await gpg('--list-only', '--list-packets', file('theirs'))
      expect(inUse, stderr).to.include(/keyid (\w{16})/.exec(stdout)?.[1])
    })

    it('without the notation is refused by name', async () => {
      await sign([], '-u', alice.entity.address, '-se', file('mail'))
      const payload = await readFile(file('theirs'))
      expect(await refusalOf(open({ ...opening(), payload }))).to.equal('sender-unverified')
    })

    it('unsigned is refused by name', async () => {
      await sign([], '-e', file('mail'))
      const payload = await readFile(file('theirs'))
      expect(await refusalOf(open({ ...opening(), payload }))).to.equal('sender-unverified')
    })

    it('verifies the signature of a card over its first line', async () => {
      const [json = '', signature = ''] = alice.card.text.split('\n')
      await writeFile(file('card.json'), json)
      await writeFile(file('card.sig'), Buffer.from(signature, 'base64'))
      const { stderr } = await gpg('--verify', file('card.sig'), file('card.json'))
      expect(stderr).to.match(/GOODSIG/)
    })
  })

  describe('Sequoia', () => {
    before(function () {
      need(this, 'sq', 'sq')
    })
    const sq = (...args: string[]) => run('sq', ['--force', ...args], { maxBuffer: 2 ** 24 })

    for (const [sealed, plain] of [
      ['sealed', 'mail'],
      ['sealed-large', 'large'],
    ] as const)
      it(`opens and verifies what we ${sealed}`, async () => {
        const keys = ['--recipient-key', file('bob.key'), '--signer-cert', file('alice.cert'), '--signatures', '1']
        const { stderr } = await sq('decrypt', ...keys, '-o', file('out'), file(sealed))
        expect((await readFile(file('out'))).equals(await readFile(file(plain)))).to.equal(true)
        expect(stderr).to.match(/1 good signature/)
      })

    it('opens with renewed subkeys what was sealed before and after, and seals for the new one', async () => {
      for (const sealed of ['sealed-before', 'sealed-after']) {
        const keys = ['--recipient-key', file('erin.key'), '--signer-cert', file('alice.cert')]
        await sq('decrypt', ...keys, '-o', file('out'), file(sealed))
        expect((await readFile(file('out'))).equals(mail), sealed).to.equal(true)
      }
      await sq('encrypt', '--binary', '--recipient-cert', file('erin.cert'), '-o', file('theirs'), file('mail'))
      const message = await openpgp.readMessage({ binaryMessage: new Uint8Array(await readFile(file('theirs'))) })
      const inUse = erin.card.publicKey.subkeys.map((one) => one.getKeyID().toHex())
      expect(inUse).to.include.members(message.getEncryptionKeyIDs().map((one) => one.toHex()))
    })

    it('signs with the notation what we verify', async () => {
      // `sq encrypt` of this version sets no notations: it signs apart, and the whole is encrypted for bob here.
      const value = notationFor(alice.entity, alice.card.text)
      const signing = ['--signer-key', file('alice.key'), '--notation', 'letter@vouchsafe.alt', value]
      await sq('sign', '--detached', '--binary', ...signing, '-o', file('signature'), file('mail'))
      const payload = await openpgp.encrypt({
        message: await openpgp.createMessage({ binary: new Uint8Array(mail) }),
        signature: await openpgp.readSignature({ binarySignature: new Uint8Array(await readFile(file('signature'))) }),
        ...{ encryptionKeys: bob.card.publicKey, format: 'binary', config: profile },
      })
      const opened = await open({ ...opening(), payload: Buffer.from(payload) })
      expect(opened.plaintext.equals(mail)).to.equal(true)
      expect(opened.from.entityId).to.equal(alice.entity.id)
    })

    for (const compression of ['pad', 'none', 'zip'])
      it(`seals what we open, compression ${compression}; without the notation it is refused by name`, async () => {
        const keys = ['--recipient-cert', file('bob.cert'), '--signer-key', file('alice.key')]
        await sq('encrypt', '--binary', ...keys, '--compression', compression, '-o', file('theirs'), file('mail'))
        const payload = await readFile(file('theirs'))
        expect(await refusalOf(open({ ...opening(), payload }))).to.equal('sender-unverified') // and not seal-broken
        const { data, signatures } = await openpgp.decrypt({
          ...{ message: await openpgp.readMessage({ binaryMessage: new Uint8Array(payload) }), format: 'binary' },
          ...{ decryptionKeys: bob.entity.key, verificationKeys: alice.card.publicKey },
        })
        expect(await signatures[0]?.verified).to.equal(true)
        expect(Buffer.from(data).equals(mail)).to.equal(true)
      })

    it('decrypts with what we made from a key of its own', async () => {
      await sq('key', 'generate', '--userid', 'Dan <dan@dan.test>', '--export', file('dan.key'))
      const dan = await importEntity(await readFile(file('dan.key'), 'utf8'))
      const now = Date.now()
      const card = await readCard(await makeCard(dan, alice.agent.id, NET, { now, seq: 1 }), NET, now)
      await writeFile(file('to-dan'), await seal({ ...letter(), to: card }))
      const keys = ['--recipient-key', file('dan.key'), '--signer-cert', file('alice.cert')]
      await sq('decrypt', ...keys, '-o', file('out'), file('to-dan'))
      expect((await readFile(file('out'))).equals(mail)).to.equal(true)
      const back = await seal({ ...letter(), from: dan, card: card.text })
      expect((await open({ ...opening(), payload: back })).from.address).to.equal('dan@dan.test')
    })
  })
})

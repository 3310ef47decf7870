import { once } from 'node:events'
import { connect } from 'node:net'
import { expect } from 'chai'
import { ImapFlow } from 'imapflow'
import type { Change } from '../../store/change.ts'
import { find } from '../../store/mailbox.ts'
import { copy, removeMany } from '../../store/move.ts'
import { Client } from '../dialogue/run.ts'
import { address, letter, password, startTestImap, type TestImap } from './server.ts'

/** A mail client with a cache of its own: what it has of INBOX, and up to which modseq. */
type Cache = { uidValidity: bigint; modseq: bigint; flags: Map<number, string> }

describe('IMAP: several clients on one mailbox', () => {
  let imap: TestImap
  beforeEach(async () => {
    imap = await startTestImap()
  })
  afterEach(() => imap.close())

  const openFlow = async (): Promise<ImapFlow> => {
    const flow = new ImapFlow({
      host: '127.0.0.1',
      port: imap.tlsPort,
      secure: true,
      tls: { rejectUnauthorized: false },
      auth: { user: address, pass: password },
      logger: false,
      qresync: true,
    })
    await flow.connect()
    return flow
  }
  const sorted = (flags: Iterable<string>) =>
    [...flags]
      .filter((flag) => flag !== '\\Recent')
      .sort()
      .join(' ')
  const truth = async (): Promise<Map<number, string>> => {
    const names = ['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft']
    const rows = await imap.messages('INBOX')
    return new Map(rows.map(({ uid, flags }) => [uid, sorted(names.filter((_, bit) => flags & (1 << bit)))]))
  }

  /** Logged in. `ask` answers with all lines, the last one tagged `r` and a number. */
  const openRaw = async () => {
    const raw = new Client(connect({ port: imap.port, host: '127.0.0.1' }))
    await once(raw.socket, 'connect')
    let tag = 0
    const ask = async (command: string): Promise<string[]> => {
      const name = `r${++tag}`
      raw.send(`${name} ${command}`)
      const lines: string[] = []
      for (;;) {
        const line = await raw.line(20_000)
        if (line === undefined) throw new Error(`closed in answer to ${command}`)
        lines.push(line)
        if (line.startsWith(`${name} `)) return lines
      }
    }
    await ask(`LOGIN ${address} ${password}`)
    return { raw, ask }
  }

  it('imapflow with QRESYNC learns what went and what changed while it was away', async () => {
    await imap.deliver(
      'INBOX',
      Array.from({ length: 12 }, (_, i) => letter(i + 1)),
    )
    const first = await openFlow()
    expect([...first.enabled]).to.include.members(['QRESYNC', 'CONDSTORE'])
    await first.mailboxOpen('INBOX')
    const box = first.mailbox
    if (!box || box.highestModseq === undefined) throw new Error('no modseq was told')
    const cache: Cache = { uidValidity: box.uidValidity, modseq: box.highestModseq, flags: new Map() }
    for await (const { uid, flags } of first.fetch('1:*', { flags: true })) cache.flags.set(uid, sorted(flags ?? []))
    await first.logout()

    const other = await openFlow()
    await other.mailboxOpen('INBOX')
    await other.messageFlagsAdd('2,5', ['\\Flagged'], { uid: true })
    await other.messageDelete('3:4,9', { uid: true })
    await other.messageMove('11', 'Archive', { uid: true })
    await imap.deliver('INBOX', [letter(13)])
    await other.logout()

    const back = await openFlow()
    const missed = new Set<number>()
    back.on('expunge', ({ uid }: { uid?: number }) => void (uid !== undefined && missed.add(uid)))
    await back.mailboxOpen('INBOX', { uidValidity: cache.uidValidity, changedSince: cache.modseq } as never)
    for await (const { uid, flags } of back.fetch(
      '1:*',
      { uid: true, flags: true },
      {
        uid: true,
        changedSince: cache.modseq,
      },
    ))
      cache.flags.set(uid, sorted(flags ?? []))
    for (const uid of missed) cache.flags.delete(uid)
    await back.logout()
    // SELECT told them, and the FETCH once more.
    expect([...missed].sort((a, b) => a - b)).to.deep.equal([3, 4, 9, 11])
    expect(new Map([...cache.flags].sort(([a], [b]) => a - b))).to.deep.equal(await truth())
  })

  it('flags of very many are changed in pieces, between which others write; what was done is told, whatever ends it', async function () {
    this.timeout(60_000)
    const { db } = imap.store
    const idOf = async (name: string) => (await find(db, imap.account.id, name))?.id ?? 0
    const [inbox, archive] = [await idOf('INBOX'), await idOf('Archive')]
    await imap.deliver('INBOX', Array(24_000).fill(letter(1)))
    const { raw, ask } = await openRaw()
    await ask('ENABLE CONDSTORE')
    await ask('SELECT INBOX')

    const heard: number[] = []
    const hear = (change: Change) => void heard.push(change.mailbox)
    db.changes.on('change', hear)
    const other = new Promise((resolve) => db.changes.once('change', () => resolve(copy(db, inbox, [1], archive))))
    const stored = await ask('STORE 1:* +FLAGS (\\Flagged)')
    await other
    db.changes.off('change', hear)
    expect(heard.filter((mailbox) => mailbox !== archive)).to.deep.equal([inbox, inbox, inbox])
    expect(heard.indexOf(archive)).to.be.within(1, 2)
    const told = stored.flatMap((line) => /^\* (\d+) FETCH \(FLAGS \(\\Flagged.*\) MODSEQ/.exec(line)?.[1] ?? [])
    expect(told.map(Number)).to.deep.equal(Array.from({ length: 24_000 }, (_, i) => i + 1))
    expect(stored.at(-1)).to.match(/^r\d+ OK/)

    const words = Array.from({ length: 50 }, (_, i) => `k${i}`).join(' ')
    await ask(`STORE 12000 FLAGS.SILENT (${words})`)
    const refused = await ask('STORE 1:* +FLAGS.SILENT (one)')
    expect(refused.at(-1)).to.match(/^r\d+ NO \[LIMIT\]/)
    expect(refused.filter((line) => / FETCH /.test(line))).to.have.length(10_000)
    expect((await imap.messages('INBOX')).filter(({ keywords }) => keywords === 'one')).to.have.length(10_000)
    raw.socket.destroy()
  })

  it('of very many a MOVE by number stops where one is gone, and tells what it moved', async function () {
    this.timeout(60_000)
    const { db } = imap.store
    await imap.deliver('INBOX', Array(12_000).fill(letter(1)))
    const [first] = await imap.messages('INBOX')
    const { raw, ask } = await openRaw()
    await ask('SELECT INBOX')
    const gone = (first?.id ?? 0) + 7999
    db.changes.once('change', () => db.transaction((tx) => removeMany(tx, [gone])))
    const moved = await ask('MOVE 1:* Archive')
    expect(moved[0]).to.match(/^\* OK \[COPYUID \d+ 1:5000 1:5000\]/)
    expect(moved.filter((line) => / EXPUNGE$/.test(line))).to.have.length(5001)
    expect(moved.at(-1)).to.match(/^r\d+ NO \[EXPUNGEISSUED\]/)
    expect((await ask('UID SEARCH RETURN (MIN MAX COUNT) ALL'))[0]).to.include('MIN 5001 MAX 12000 COUNT 6999')
    raw.socket.destroy()
  })

  it('what the end of the gateway breaks off is no fault', async () => {
    const { db } = imap.store
    await imap.deliver('INBOX', Array(10_001).fill(letter(1)))
    const { raw, ask } = await openRaw()
    await ask('SELECT INBOX')
    db.changes.once('change', () => void db.close())
    raw.send('s STORE 1:* +FLAGS.SILENT (\\Flagged)')
    while ((await raw.line()) !== undefined);
    expect(imap.log.filter((line) => line.includes('"fault"'))).to.deep.equal([])
  })

  it('imapflow and raw sessions change, expunge and hear deliveries at once, and end agreeing', async function () {
    this.timeout(60_000)
    await imap.deliver(
      'INBOX',
      Array.from({ length: 40 }, (_, i) => letter(i + 1)),
    )
    const flows = await Promise.all([openFlow(), openFlow()])
    await Promise.all(flows.map((flow) => flow.mailboxOpen('INBOX')))
    const { raw, ask } = await openRaw()
    await ask('ENABLE QRESYNC')
    // The raw one follows by uids alone, as a client with QRESYNC does.
    const known = new Map<number, string>()
    const hear = (lines: readonly string[]) => {
      for (const line of lines) {
        const [, uid, flags = ''] = /^\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)/.exec(line) ?? []
        if (uid) known.set(Number(uid), sorted(flags.split(' ').filter(Boolean)))
        const [, set = ''] = /^\* VANISHED (?:\(EARLIER\) )?(\S+)/.exec(line) ?? []
        for (const run of set.split(',').filter(Boolean)) {
          const [from = 0, to = from] = run.split(':').map(Number)
          for (let gone = from; gone <= to; gone++) known.delete(gone)
        }
      }
    }
    hear(await ask('SELECT INBOX'))
    hear(await ask('UID FETCH 1:* (UID FLAGS)'))

    const deliver = async () => {
      for (let i = 0; i < 15; i++) await imap.deliver('INBOX', [letter(100 + i)])
    }
    const change = async (flow: ImapFlow, offset: number) => {
      for (let i = 0; i < 10; i++) {
        const uid = String(offset + i)
        await flow.messageFlagsAdd(uid, ['\\Flagged'], { uid: true })
        if (i % 3 === 0) await flow.messageDelete(uid, { uid: true })
        if (i % 3 === 1) await flow.messageMove(uid, 'Archive', { uid: true })
      }
    }
    const follow = async () => {
      for (let i = 0; i < 15; i++) {
        // A message it sees can be read, whoever expunged it meanwhile.
        const lines = await ask('FETCH 1:3 (UID FLAGS RFC822.SIZE BODY.PEEK[TEXT])')
        expect(lines.at(-1)).to.match(/^r\d+ OK/)
        expect(lines.filter((line) => line.includes('BODY[TEXT] {'))).to.have.length(3)
        hear(lines)
        hear(await ask('STORE 4 +FLAGS (\\Answered)'))
        hear(await ask('NOOP'))
      }
    }
    const [one, two] = flows
    if (!one || !two) throw new Error('two were opened')
    await Promise.all([deliver(), change(one, 1), change(two, 21), follow()])
    hear(await ask('NOOP'))
    hear(await ask('UID FETCH 41:* (UID FLAGS)'))
    expect(new Map([...known].sort(([a], [b]) => a - b))).to.deep.equal(await truth())
    for (const flow of flows) {
      await flow.noop()
      const uids = await flow.search({ all: true }, { uid: true })
      expect(uids).to.deep.equal([...(await truth()).keys()])
      await flow.logout()
    }
    raw.socket.destroy()
    const inbox = await find(imap.store.db, imap.account.id, 'INBOX')
    const modseqs = (await imap.messages('INBOX')).map(({ modseq }) => modseq)
    expect(Math.max(...modseqs)).to.be.at.most(inbox?.highestModseq ?? 0)
  })
})

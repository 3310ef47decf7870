import { expect } from 'chai'
import fc from 'fast-check'
import { Unseen } from '../../gateway/imap/view/unseen.ts'
import { type Notice, View } from '../../gateway/imap/view/view.ts'
import { parseSet } from '../../gateway/imap/wire/sequence.ts'
import type { Row as Message } from '../../store/change.ts'

const message = (uid: number, modseq = 1, flags = 0): Message => ({
  id: uid * 10,
  uid,
  modseq,
  flags,
  keywords: '',
  internalDate: 0,
  size: 1,
})
const flagged = (uid: number, modseq: number, flags: number) => ({ uid, modseq, flags, keywords: '' })
const set = (text: string) => parseSet(text) ?? []
const said = (notices: Notice[]) =>
  notices.map((notice) => {
    if (notice.say === 'expunge') return `${notice.seq} EXPUNGE`
    if (notice.say === 'flags') return `${notice.seq} FLAGS ${notice.row.flags}`
    return `${notice.count} ${notice.say.toUpperCase()}`
  })
const open = (uids: number[], recentFrom = 1000) =>
  new View(
    uids.map((uid) => message(uid)),
    recentFrom,
    1,
  )

describe('IMAP view', () => {
  it('numbers from one, by uid', () => {
    const view = open([5, 7, 9])
    expect(view.bySeq(set('2:*'))?.map(({ seq, row }) => [seq, row.uid])).to.deep.equal([
      [2, 7],
      [3, 9],
    ])
    expect(view.byUid(set('1:7,100')).map(({ seq, row }) => [seq, row.uid])).to.deep.equal([
      [1, 5],
      [2, 7],
    ])
    expect(view.byUid(set('100:*')).map(({ row }) => row.uid)).to.deep.equal([9])
    expect(view.seqOf(9)).to.equal(3)
    expect(view.seqOf(8)).to.equal(undefined)
  })
  it('tells of more messages that went at once than a call has room for arguments', () => {
    const uids = Array.from({ length: 200_000 }, (_, i) => i + 1)
    const view = open(uids)
    view.expunged(uids, 2)
    expect(view.flush(true).filter(({ say }) => say === 'expunge')).to.have.length(200_000)
  })
  it('has no message of a number beyond the last, and none at all when empty', () => {
    expect(open([5]).bySeq(set('1:2'))).to.equal(undefined)
    expect(open([]).bySeq(set('1:*'))).to.equal(undefined)
    expect(open([]).byUid(set('1:*'))).to.deep.equal([])
  })
  it('keeps the numbers until it may tell of EXPUNGE, then tells from the last', () => {
    const view = open([5, 7, 9, 11])
    view.expunged([5, 9], 9)
    expect(said(view.flush(false))).to.deep.equal([])
    expect(view.seqOf(11)).to.equal(4)
    expect(said(view.flush(true))).to.deep.equal(['3 EXPUNGE', '1 EXPUNGE'])
    expect(view.seqOf(11)).to.equal(2)
  })
  it('tells EXPUNGE, EXISTS, RECENT, then flags of the new', () => {
    const view = open([5, 7])
    view.added([message(8), message(9)])
    view.flagged([flagged(7, 2, 1)])
    view.expunged([5], 9)
    view.flagged([flagged(9, 3, 4)])
    expect(said(view.flush(true))).to.deep.equal(['1 EXPUNGE', '3 EXISTS', '2 RECENT', '1 FLAGS 1'])
    expect([...view].map(({ row }) => row.flags)).to.deep.equal([1, 0, 4])
  })
  it('never tells of what came and went between two answers', () => {
    const view = open([5])
    view.added([message(6)])
    view.expunged([6], 9)
    expect(said(view.flush(true))).to.deep.equal([])
  })
  it('hears everything twice, late, and of the gone, without harm', () => {
    const view = open([5, 6])
    view.added([message(5), message(6), message(7)])
    view.added([message(7)])
    view.flagged([flagged(6, 1, 1), flagged(99, 5, 1)])
    view.expunged([99, 5], 9)
    view.expunged([5], 9)
    view.flagged([flagged(5, 9, 1)])
    expect(said(view.flush(true))).to.deep.equal(['1 EXPUNGE', '2 EXISTS', '1 RECENT'])
    view.added([message(5)])
    expect(said(view.flush(true))).to.deep.equal([])
  })
  it('does not tell a session what it did itself, unless another came after', () => {
    const view = open([5])
    view.flagged([flagged(5, 2, 1)])
    view.told([flagged(5, 2, 1)])
    expect(said(view.flush(true))).to.deep.equal([])
    view.flagged([flagged(5, 3, 2)])
    view.told([flagged(5, 3, 2)])
    expect(said(view.flush(true))).to.deep.equal([])
    view.flagged([flagged(5, 4, 3)])
    view.told([flagged(5, 3, 2)])
    expect(said(view.flush(true))).to.deep.equal(['1 FLAGS 3'])
  })

  it('tells what another did beside a change in silence', () => {
    const view = open([5, 7])
    view.flagged([flagged(5, 2, 4), flagged(7, 3, 1)])
    expect([view.isStale(5), view.isStale(6)]).to.deep.equal([true, false])
    view.told([flagged(5, 2, 4), flagged(7, 3, 1)], ({ uid }) => uid === 7)
    expect(said(view.flush(false))).to.deep.equal(['1 FLAGS 4'])
  })

  it('knows up to which modseq all is told', () => {
    const view = open([5, 7])
    expect([view.modseq, view.toldModseq]).to.deep.equal([1, 1])
    view.expunged([5], 4)
    view.flagged([flagged(7, 6, 1)])
    view.flush(false)
    expect([view.modseq, view.toldModseq]).to.deep.equal([6, 3])
    view.expunged([7], 8)
    expect([view.modseq, view.toldModseq]).to.deep.equal([8, 3])
    view.flush(true)
    view.added([message(9, 9)])
    expect([view.modseq, view.toldModseq]).to.deep.equal([9, 8])
    view.flush(false)
    expect([view.modseq, view.toldModseq]).to.deep.equal([9, 9])
  })

  it('keeps what a client does not listen to, and numbers and modseqs as it knows them', () => {
    const view = open([5, 7])
    view.added([message(9, 4)])
    view.flagged([flagged(7, 6, 1)])
    view.expunged([5], 8)
    expect([view.hasNews(false, 'nothing'), view.hasNews(false, 'messages')]).to.deep.equal([false, true])
    expect(said(view.flush(false, 'nothing'))).to.deep.equal([])
    expect([view.count, view.modseqWithin('nothing'), view.toldModseq]).to.deep.equal([2, 3, 3])
    expect(said(view.flush(true, 'nothing'))).to.deep.equal(['1 EXPUNGE']) // its own, say
    expect(said(view.flush(true, 'messages'))).to.deep.equal(['2 EXISTS', '1 RECENT'])
    expect([view.hasNews(true, 'messages'), view.modseqWithin('messages'), view.toldModseq]).to.deep.equal([
      false,
      5,
      5,
    ])
    expect(said(view.flush(true))).to.deep.equal(['1 FLAGS 1'])
    expect([view.modseqWithin('messages'), view.toldModseq]).to.deep.equal([8, 8])
  })

  it('shares its rows with another of the same mailbox, and nothing else', () => {
    const first = open([5, 6, 7])
    first.expunged([6], 2)
    const second = new View(first.rows(), Number.POSITIVE_INFINITY, first.modseq)
    expect(second.count).to.equal(2)
    const both = [first, second]
    const coming = [message(8, 3)]
    for (const view of both) view.added(coming)
    for (const view of both) view.flagged([flagged(7, 4, 1)])
    for (const view of both) view.expunged([5], 5)
    expect(said(second.flush(true))).to.deep.equal(['1 EXPUNGE', '2 EXISTS', '1 FLAGS 1'])
    expect(said(first.flush(false))).to.deep.equal(['4 EXISTS', '1 RECENT', '3 FLAGS 1'])
    expect(said(first.flush(true))).to.deep.equal(['2 EXPUNGE', '1 EXPUNGE'])
    expect([...first].map(({ row }) => row)).to.deep.equal([...second].map(({ row }) => row))
    expect([...first][0]?.row).to.equal([...second][0]?.row)
    expect([...first].map(({ row }) => first.isRecent(row))).to.deep.equal([false, true])
    expect([...second].map(({ row }) => second.isRecent(row))).to.deep.equal([false, false])
  })

  /**
   * A client that believes what it is told: positions, no uids. After every flush it must agree with the view, and
   * once all is told, the view must agree with the mailbox.
   */
  it('a client that follows it always knows the mailbox', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant('add' as const), count: fc.integer({ min: 1, max: 4 }) }) },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('expunge' as const), at: fc.array(fc.nat(20), { maxLength: 4 }) }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('flag' as const), at: fc.nat(20), flags: fc.nat(31) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('flush' as const), canExpunge: fc.boolean() }) },
    )
    fc.assert(
      fc.property(fc.nat(5), fc.array(step, { maxLength: 60, size: 'max' }), (count, steps) => {
        let modseq = 1
        let nextUid = 1
        let mailbox: Message[] = Array.from({ length: count }, () => message(nextUid++))
        const view = new View(mailbox, 1)
        let client: { uid: number | undefined; flags: number }[] = mailbox.map(({ uid, flags }) => ({ uid, flags }))

        const listen = (notices: Notice[], canExpunge: boolean) => {
          for (const notice of notices) {
            if (notice.say === 'expunge') {
              expect(canExpunge).to.equal(true)
              expect(notice.seq).to.be.within(1, client.length)
              client = client.toSpliced(notice.seq - 1, 1)
            }
            if (notice.say === 'exists') while (client.length < notice.count) client.push({ uid: undefined, flags: 0 })
            if (notice.say === 'flags') client[notice.seq - 1] = { uid: notice.row.uid, flags: notice.row.flags }
          }
          // It asks for the new ones, as clients do.
          const numbered = view.bySeq(client.length > 0 ? set(`1:${client.length}`) : []) ?? []
          for (const { seq, row } of numbered)
            if (client[seq - 1]?.uid === undefined) client[seq - 1] = { uid: row.uid, flags: row.flags }
          expect(client).to.deep.equal([...view].map(({ row }) => ({ uid: row.uid, flags: row.flags })))
        }

        for (const each of steps) {
          if (each.do === 'add') {
            const fresh = Array.from({ length: each.count }, () => message(nextUid++))
            mailbox.push(...fresh)
            view.added(fresh)
          } else if (each.do === 'expunge') {
            const uids = each.at.flatMap((at) => mailbox[at]?.uid ?? [])
            mailbox = mailbox.filter(({ uid }) => !uids.includes(uid))
            view.expunged(uids, ++modseq)
          } else if (each.do === 'flag') {
            const old = mailbox[each.at]
            if (!old) continue
            mailbox[each.at] = { ...old, flags: each.flags, modseq: ++modseq }
            view.flagged([flagged(old.uid, modseq, each.flags)])
          } else {
            // The client forgets flags of what is gone; only flags told count.
            for (const { seq, row } of view)
              if (row.isGone && client[seq - 1]) client[seq - 1] = { uid: row.uid, flags: row.flags }
            listen(view.flush(each.canExpunge), each.canExpunge)
          }
        }
        listen(view.flush(true), true)
        expect(client).to.deep.equal(mailbox.map(({ uid, flags }) => ({ uid, flags })))
        expect(view.hasNews(true)).to.equal(false)
      }),
      { numRuns: 300 },
    )
  })

  it('knows what is not read, with another view of the same rows, as if it looked at all of them', () => {
    const step = fc.record({
      do: fc.constantFrom('add', 'expunge', 'flag', 'tell', 'flush', 'share'),
      at: fc.nat(40),
      flags: fc.constantFrom(0, 1, 4, 5),
    })
    fc.assert(
      fc.property(fc.constantFrom(3, 1000), fc.array(step, { maxLength: 60, size: 'max' }), (keptMax, steps) => {
        let modseq = 1
        let nextUid = 21
        let mailbox = Array.from({ length: 20 }, (_, i) => message(i + 1, 1, 1))
        const views = [new View(mailbox, 15, 1, new Unseen(keptMax))]
        const seen = ({ flags }: Pick<Message, 'flags'>) => (flags & 1) !== 0
        for (const each of steps) {
          const { uid } = mailbox[each.at] ?? { uid: 0 }
          const own = flagged(uid, ++modseq, each.flags)
          const [first] = views
          if (each.do === 'share' && first) views.push(new View(first.rows(), 1000, first.modseq, first.unseen))
          if (each.do === 'flush') for (const view of views) view.flush(each.at % 2 === 0)
          if (each.do === 'add') {
            const fresh = [message(nextUid++, modseq, each.flags)]
            mailbox = [...mailbox, ...fresh]
            for (const view of views) view.added(fresh)
          } else if (each.do === 'expunge') {
            mailbox = mailbox.filter((row) => row.uid !== uid)
            for (const view of views) view.expunged([uid], modseq)
          } else if (uid !== 0 && (each.do === 'flag' || each.do === 'tell')) {
            mailbox = mailbox.map((row) => (row.uid === uid ? { ...row, ...own } : row))
            for (const view of views) view.flagged([own])
            if (each.do === 'tell') first?.told([own])
          }
          const unread = mailbox.filter((row) => !seen(row)).map((row) => row.uid)
          for (const view of views) {
            const kept = view.unseen.among(view)
            if (kept) expect([...kept].sort((a, b) => a - b)).to.deep.equal(unread)
            else expect(keptMax).to.equal(3)
            const shown = [...view].filter(({ row }) => !row.isGone && !seen(row))
            const quick = view.unread()
            if (quick) expect(quick).to.deep.equal(shown)
            expect(view.total).to.equal(mailbox.length)
            expect(view.countFrom(15)).to.equal(mailbox.filter((row) => row.uid >= 15).length)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

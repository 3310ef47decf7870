import { expect } from 'chai'
import { findDecoded } from '../../gateway/imap/fetch/binary.ts'
import { parseItems } from '../../gateway/imap/fetch/item.ts'
import { Words } from '../../gateway/imap/wire/words.ts'
import { cached } from '../../store/cached.ts'
import { startTestImap, type TestImap } from './server.ts'

/** So long that it is a file, and is decoded twice. */
const content = Buffer.alloc(2_000_000, 'The quick brown fox. ')

describe('IMAP BINARY of a long part', () => {
  let imap: TestImap
  before(async () => {
    imap = await startTestImap()
    const folded = content.toString('base64').replace(/.{76}/g, '$&\r\n')
    const head = 'Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    await imap.deliver('INBOX', [{ bytes: `${head}${folded}\r\n` }])
  })
  after(() => imap.close())

  const find = async (item: string) => {
    const [section] = parseItems(new Words([{ text: item }]))
    const [row] = await imap.messages('INBOX')
    if (!row || section?.get !== 'section') throw new Error('there is a message and a section')
    const [known = {}] = await cached(imap.store.db, [row.id], ['root'])
    const found = await findDecoded(imap.store.db, row, known, section)
    const chunks: Buffer[] = []
    const told = found?.bytes ?? []
    for await (const chunk of Buffer.isBuffer(told) ? [told] : told) chunks.push(Buffer.from(chunk as Buffer))
    return { size: found?.size, hasNul: found?.hasNul, bytes: Buffer.concat(chunks) }
  }

  it('has its length before it comes', async () => {
    const { size, hasNul, bytes } = await find('BINARY.PEEK[1]')
    expect([size, hasNul]).to.deep.equal([content.length, false])
    expect(bytes.equals(content)).to.equal(true)
  })
  it('and so has a piece of it', async () => {
    const { size, bytes } = await find('BINARY.PEEK[1]<1000001.70>')
    expect(size).to.equal(70)
    expect(bytes.equals(content.subarray(1_000_001, 1_000_071))).to.equal(true)
  })
  it('one beyond its end is empty', async () => {
    expect((await find('BINARY.PEEK[1]<2000001.70>')).size).to.equal(0)
  })
})

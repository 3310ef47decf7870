import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { databaseOf, openStore } from '../../store/store.ts'
import { filesOpen, newHome } from './home.ts'

describe('store: a home that can not be opened', () => {
  it('is let go of: its database is closed, and it opens once it is mended', async () => {
    const home = await newHome()
    await (await openStore(home)).close()
    await rm(join(home, 'blob'), { recursive: true, force: true })
    await writeFile(join(home, 'blob'), 'in the way')
    expect(
      await openStore(home).then(
        () => 'open',
        () => 'not',
      ),
    ).to.equal('not')
    expect(await filesOpen(databaseOf(home))).to.deep.equal([])
    await rm(join(home, 'blob'))
    await (await openStore(home)).close()
    await rm(home, { recursive: true })
  })
})

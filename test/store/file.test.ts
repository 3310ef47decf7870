import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { makeFolder, readIfThere, writeWhole } from '../../store/file.ts'

describe('store: files and folders', () => {
  let top = ''
  beforeEach(async () => {
    top = await mkdtemp(join(tmpdir(), 'vouchsafe-file-'))
  })
  afterEach(() => rm(top, { recursive: true }))
  const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      ({ code }: NodeJS.ErrnoException) => code,
    )

  it('a folder and those above it are made for their owner alone, once', async () => {
    const path = join(top, 'a', 'b', 'c')
    expect(await makeFolder(path)).to.equal(true)
    for (const made of [path, join(top, 'a', 'b'), join(top, 'a')]) expect(await modeOf(made)).to.equal('700')
    expect(await makeFolder(path)).to.equal(false)
  })

  it('one that is there keeps its mode, also behind a symbolic link', async () => {
    await mkdir(join(top, 'open'), { mode: 0o755 })
    await symlink(join(top, 'open'), join(top, 'link'))
    expect(await makeFolder(join(top, 'link'))).to.equal(false)
    expect(await modeOf(join(top, 'open'))).to.equal('755')
  })

  it('several who make the same at once all succeed', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => makeFolder(join(top, 'a', 'b'))))
    expect(made.filter((isNew) => isNew)).to.have.lengthOf(1)
  })

  it('a file in the way is told', async () => {
    await writeFile(join(top, 'file'), '')
    await symlink(join(top, 'nowhere'), join(top, 'broken'))
    expect(await codeOf(makeFolder(join(top, 'file')))).to.equal('EEXIST')
    expect(await codeOf(makeFolder(join(top, 'file', 'a')))).to.equal('ENOTDIR')
    expect(await codeOf(makeFolder(join(top, 'broken')))).to.equal('EEXIST')
  })

  it('a file is written anew whatever a crash left beside, and read if it is there', async () => {
    const path = join(top, 'note')
    expect(await readIfThere(path)).to.equal(undefined)
    await writeFile(`${path}.new`, 'hal', { mode: 0o666 })
    await writeWhole(path, 'whole')
    await writeWhole(path, 'again')
    expect(await readFile(path, 'utf8')).to.equal('again')
    expect(await readIfThere(path)).to.equal('again')
    expect(await modeOf(path)).to.equal('600')
    expect(await readdir(top)).to.deep.equal(['note'])
  })
})

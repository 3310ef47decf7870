import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { trimmer } from '../../gateway/malloc.ts'

describe('large buffers', function () {
  this.timeout(60_000)

  before(function () {
    if (trimmer()) return
    console.log('      skipped: this C library is not glibc')
    this.skip()
  })

  it('lie in the heap, but for those of the time when a link is made', async () => {
    const script = fileURLToPath(new URL('./large-buffers.ts', import.meta.url))
    const growth = async (starts: number): Promise<number> => {
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script])
      return stdout.startsWith('walled in') && starts > 1 ? growth(starts - 1) : Number(stdout)
    }
    expect(await growth(5), 'by so much it grew while one was made').to.be.below(1e6)
  })
})

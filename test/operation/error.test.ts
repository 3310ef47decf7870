import { join } from 'node:path'
import { expect } from 'chai'
import { callControl, serveControl } from '../../gateway/control.ts'
import { createLog } from '../../gateway/log.ts'
import { logFailures } from '../../gateway/operation/error.ts'
import { operationsOf } from '../../gateway/operation/operations.ts'
import { eachWithHouse } from '../gateway/house.ts'

describe('an operation that fails in a running gateway', function () {
  this.timeout(60_000) // a key for each home
  const { house } = eachWithHouse()

  /** What the caller is told, and what the log keeps. */
  const call = async (name: string, args: object): Promise<[said: string, logged: object[]]> => {
    const lines: string[] = []
    const log = createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) })
    const operations = {
      ...operationsOf(house()),
      bug: async () => {
        throw new TypeError('a bug')
      },
    }
    const path = join(house().home, 'control.sock')
    const control = await serveControl(path, operations, logFailures(log))
    const said = await callControl(path, name, args).then(
      () => 'done',
      (error: Error) => error.message,
    )
    await control.close()
    return [said, lines.map((line) => JSON.parse(line))]
  }

  const asked: [what: string, name: string, args: object, said: RegExp][] = [
    ['a number that can’t be', 'link.trust', { neighbour: 'b', limit: 0 }, /^Give a whole number from 1 to /],
    ['a word that says nothing', 'complaint.raise', { message: 'x', reason: 'dull' }, /^"dull" is no reason\./],
    ['a password that can be guessed', 'user.add', { address: 'ann', password: 'ann' }, /^A password has at least /],
    ['a gateway that has nobody to sign', 'link.renew', {}, /^A REKEY is signed by an account here/],
  ]
  for (const [what, name, args, words] of asked)
    it(`${what}: a sentence for whoever asked, and no stack in the log`, async () => {
      const [said, logged] = await call(name, args)
      expect(said).to.match(words)
      expect(logged).to.have.lengthOf(1)
      expect(logged[0]).to.include({ level: 'info', event: 'declined', operation: name, why: said })
      expect(JSON.stringify(logged)).not.to.include('    at ')
    })

  it('a bug is an error in the log, with its stack', async () => {
    const [said, logged] = await call('bug', {})
    expect(said).to.equal('a bug')
    expect(logged[0]).to.include({ level: 'error', event: 'failed', operation: 'bug' })
    expect(JSON.stringify(logged)).to.include('    at ')
  })

  it('a refusal has its code, and is none of the log’s', async () => {
    const [said, logged] = await call('user.show', { address: 'nobody' })
    expect(said).to.match(/^mailbox-missing: There is no account/)
    expect(logged).to.deep.equal([])
  })
})

/** A home of its own for a test, opened as a command opens it: no edges, nothing dialled. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultPorts } from '../../gateway/config/text.ts'
import { makeHome } from '../../gateway/home.ts'
import { createLog } from '../../gateway/log.ts'
import { type OpenHouse, openHouse } from '../../gateway/rooms.ts'

export const open = (home: string): Promise<OpenHouse> =>
  openHouse(home, { log: createLog({ level: 'silent', format: 'json' }) })

/** Runs before and after each test of the suite at hand. `again` closes the house and opens it anew. */
export const eachWithHouse = (): { house(): OpenHouse; again(): Promise<OpenHouse> } => {
  let house: OpenHouse | undefined
  const opened = (): OpenHouse => {
    if (!house) throw new Error('only inside a test')
    return house
  }
  beforeEach(async () => {
    const home = await mkdtemp(join(tmpdir(), 'vouchsafe-house-'))
    await makeHome(home, { domain: 'a.test', name: 'A', ports: defaultPorts }, {})
    house = await open(home)
  })
  afterEach(async () => {
    await house?.close()
    if (house) await rm(house.home, { recursive: true, force: true })
    house = undefined
  })
  return {
    house: opened,
    again: async () => {
      const { home, close } = opened()
      await close()
      house = await open(home)
      return house
    },
  }
}

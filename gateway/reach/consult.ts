/**
 * The directories of `[directory] ask`: told where we are, and asked for a neighbour that is not where it
 * was; two at a time, in their order, and the highest valid `seq` wins.
 *
 * They are strangers to our neighbours: what they are told names none (`via` is empty).
 */
import { signRecord } from '../../src/identity/record.ts'
import { type Finding, inDirectory } from '../../src/reach/diagnosis.ts'
import { newest } from '../../src/reach/directory.ts'
import type { Said } from '../../src/reach/reach.ts'
import type { State } from '../../src/state.ts'
import { reachAnswer } from '../../src/wire/directory.ts'
import type { ReachRecord } from '../../src/wire/record.ts'
import type { Config } from '../config/config.ts'
import { writeHostPort } from '../config/value.ts'
import type { Core } from '../core.ts'
import { readReach } from './hear.ts'

export type Consulting = {
  /** Where is it? What is found is an event. */
  lookUp(agent: string): Promise<void>
  /** All are told where we can be dialled; nobody, where we can't. */
  tell(): Promise<void>
  /** Whether each answers, and knows where we are: for `doctor`. */
  test(): Promise<Finding[]>
}

const AT_ONCE = 2

/** What it needs of the core. */
type Ground = Pick<Core, 'agent' | 'net' | 'now' | 'log'> & {
  link: Pick<Core['link'], 'consult'>
  engine: { state: Pick<State, 'reaches'>; handle: Core['engine']['handle'] }
}

export const openConsulting = (core: Ground, { ask }: Config['directory']): Consulting => {
  const { agent: me, net, engine } = core

  const call = (directory: Config['directory']['ask'][number], request: object): Promise<unknown> =>
    core.link.consult(writeHostPort(directory), directory.agent, { v: 1, ...request })

  const whereAt = async (directory: Config['directory']['ask'][number], agent: string): Promise<Said[]> => {
    try {
      const { record } = reachAnswer(await call(directory, { where: agent }), 'the answer')
      return record === undefined ? [] : [await readReach(core, record)]
    } catch (error) {
      complain('ask', directory.agent, error)
      return []
    }
  }
  const complain = (what: string, directory: string, error: unknown) =>
    core.log.info(
      { area: 'reach', event: 'directory-failed', what, directory, why: String(error) },
      'a directory does not help',
    )

  const knows = async (directory: Config['directory']['ask'][number]): Promise<Said | undefined | Error> => {
    try {
      const { record } = reachAnswer(await call(directory, { where: me.id }), 'the answer')
      return record === undefined ? undefined : await readReach(core, record)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  return {
    async test() {
      const own = engine.state.reaches.get(me.id)
      const addresses = own?.addresses ?? []
      return Promise.all(
        ask.map(async (directory) => inDirectory(writeHostPort(directory), addresses, await knows(directory))),
      )
    },
    async lookUp(agent) {
      for (let i = 0; i < ask.length; i += AT_ONCE) {
        const pair = ask.slice(i, i + AT_ONCE)
        const answers = (await Promise.all(pair.map((one) => whereAt(one, agent)))).flat()
        const said = newest(answers, agent, engine.state.reaches.get(agent)?.seq ?? 0, core.now())
        if (said === undefined) continue
        await engine.handle({ on: 'announced', from: said.for, said })
        return
      }
    },
    async tell() {
      const own = engine.state.reaches.get(me.id)
      if (own === undefined || own.addresses.length === 0) return
      const { addresses, seq, expires } = own
      await Promise.all(
        ask.map(async (directory) => {
          const body: ReachRecord = { for: directory.agent, addresses, via: [], seq, expires }
          await call(directory, { tell: await signRecord(me, net, 'REACH', body) }).catch((error) =>
            complain('tell', directory.agent, error),
          )
        }),
      )
    },
  }
}

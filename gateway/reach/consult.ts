/**
 * The directories of `[directory] ask`: told where we are, and asked for a neighbour that is not where it
 * was; two at a time, in their order, and the highest valid `seq` wins.
 *
 * They are strangers to our neighbours: what they are told names none (`via` is empty).
 */
import { signRecord } from '../../src/identity/record.ts'
import { type Finding, inDirectory } from '../../src/reach/diagnosis.ts'
import { newest } from '../../src/reach/directory.ts'
import type { Reach, Said } from '../../src/reach/reach.ts'
import type { State } from '../../src/state.ts'
import { reachAnswer } from '../../src/wire/directory.ts'
import type { ReachRecord } from '../../src/wire/record.ts'
import type { Config } from '../config/config.ts'
import { writeHostPort } from '../config/value.ts'
import type { Core } from '../core.ts'
import { readReach } from './hear.ts'

type Consulting = {
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

type Named = Config['directory']['ask'][number]

export const openConsulting = (core: Ground, { ask: directories }: Config['directory']): Consulting => {
  const { agent: me, net, engine } = core

  const call = (directory: Named, request: object): Promise<unknown> =>
    core.link.consult(writeHostPort(directory), directory.agent, { v: 1, ...request })
  /** @throws LinkFault, Refusal */
  const ask = async (directory: Named, agent: string): Promise<Said | undefined> => {
    const { record } = reachAnswer(await call(directory, { where: agent }), 'the answer')
    return record === undefined ? undefined : readReach(core, record)
  }
  const tell = async (directory: Named, { addresses, seq, expires }: Reach): Promise<void> => {
    const body: ReachRecord = { for: directory.agent, addresses, via: [], seq, expires }
    await call(directory, { tell: await signRecord(me, net, 'REACH', body) })
  }
  const complain = (what: string, { agent: directory }: Named, error: unknown) =>
    core.log.info(
      { area: 'reach', event: 'directory-failed', what, directory, why: String(error) },
      'a directory does not help',
    )

  return {
    async lookUp(agent) {
      for (let i = 0; i < directories.length; i += AT_ONCE) {
        const answers = await Promise.all(
          directories.slice(i, i + AT_ONCE).map((one) => ask(one, agent).catch((error) => complain('ask', one, error))),
        )
        const known = engine.state.reaches.get(agent)?.seq ?? 0
        const said = newest(
          answers.flatMap((one) => one ?? []),
          agent,
          known,
          core.now(),
        )
        if (said === undefined) continue
        await engine.handle({ on: 'announced', from: said.for, said })
        return
      }
    },
    async tell() {
      const own = engine.state.reaches.get(me.id)
      if (own === undefined || own.addresses.length === 0) return
      await Promise.all(directories.map((one) => tell(one, own).catch((error) => complain('tell', one, error))))
    },
    async test() {
      const ours = engine.state.reaches.get(me.id)?.addresses ?? []
      return Promise.all(
        directories.map(async (one) => {
          const known = await ask(one, me.id).catch((error: Error) => error)
          return inDirectory(writeHostPort(one), ours, known)
        }),
      )
    },
  }
}

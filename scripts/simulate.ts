/**
 * `npm run simulate -- --all`: the web at a size nobody could start as processes, by the gateway's own
 * decisions, in virtual time, from a seed. docs/simulation.md has the model and the results.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Chapter, printChapter, writeReport } from './simulate/report.ts'
import { describeRings } from './simulate/rings.ts'
import { describeTrials } from './simulate/trials.ts'
import { describeWebs, openWeb, type Web, type WebName, webNames } from './simulate/web.ts'

type Options = {
  all?: true
  part?: string[]
  web?: WebName[]
  agents: number
  days: number
  searches: number
  seed: number
  out: string
}

const parts: Record<string, (webs: readonly Web[], options: Options) => Chapter> = {
  webs: (webs, { seed }) => describeWebs(webs, seed),
  rings: (webs, { searches, seed }) => describeRings(webs, searches, seed),
  credit: (webs, { days, seed }) => describeTrials(webs, { days, seed }),
}

const whole = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 is needed')
  return value
}

const main = (): void => {
  const command = new Command('simulate')
    .description('The web, simulated by the gateway’s own decisions: no keys, no sockets, virtual time.')
    .option('--all', 'every part, on every web')
    .addOption(new Option('--part <names...>', 'these parts').choices(Object.keys(parts)))
    .addOption(new Option('--web <names...>', 'on these webs').choices(webNames))
    .option('--agents <n>', 'agents of the generated webs', whole, 10_000)
    .option('--days <n>', 'days of mail', whole, 56)
    .option('--searches <n>', 'searches on a web of up to 2000 agents; a tenth on larger ones', whole, 1000)
    .option('--seed <n>', 'everything random comes from it', whole, 1)
    .option('--out <folder>', 'where the report goes', 'report/simulate')
    .parse()
  const options = command.opts<Options>()
  if (options.all || options.part !== undefined) simulate(options)
  else command.help()
}

const simulate = (options: Options): void => {
  const { agents, seed } = options
  const started = Date.now()
  const webs = (options.web ?? webNames).flatMap((name) => openWeb(name, agents, seed) ?? [])
  const chapters: Chapter[] = []
  for (const name of options.part ?? Object.keys(parts)) {
    const chapter = parts[name]?.(webs, options)
    if (chapter === undefined) continue
    printChapter(chapter)
    chapters.push(chapter)
  }
  const seconds = (Date.now() - started) / 1000
  const megabytes = process.resourceUsage().maxRSS / 1024
  console.log(`\n${seconds.toFixed(0)} s, at most ${megabytes.toFixed(0)} MB`)
  const page = writeReport(options.out, { ...options, seconds, megabytes, node: process.version }, chapters)
  console.log(`${page} has the plots.`)
}

main()

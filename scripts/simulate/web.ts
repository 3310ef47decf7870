/**
 * The webs that are simulated, by name, and the chapter that says what they are like.
 */
import { type Random, seeded } from '../../test/village/random.ts'
import { short } from '../bench/table.ts'
import { DEBIAN_PACKAGE, debianWeb } from './debian.ts'
import { degree, type Graph, type Shape, shapeOf } from './graph.ts'
import type { Chapter } from './report.ts'
import type { Series } from './svg.ts'
import { holmeKim, wattsStrogatz } from './topology.ts'

export type WebName = 'debian' | 'holme-kim' | 'watts-strogatz'
export type Web = { name: WebName; graph: Graph }
export const webNames: readonly WebName[] = ['debian', 'holme-kim', 'watts-strogatz']

/** @param agents of the generated webs. @returns undefined where the package that holds the web is missing; says so */
export const openWeb = (name: WebName, agents: number, seed: number): Web | undefined => {
  const random = seeded(seed)
  if (name === 'holme-kim') return { name, graph: holmeKim(agents, 4, 0.6, random) }
  if (name === 'watts-strogatz') return { name, graph: wattsStrogatz(agents, 8, 0.1, random) }
  const real = debianWeb()
  if (real !== undefined) return { name, graph: real.graph }
  console.warn(`The real web is left out: apt-get install ${DEBIAN_PACKAGE}`)
  return undefined
}

/** What was counted once, of the keyrings of 2022.12.24. */
const REFERENCE = {
  keys: 1172,
  certifications: 14_734,
  agents: 976,
  links: 5467,
  clustering: 0.269,
  path: 3.37,
  far: 8,
}

export const describeWebs = (webs: readonly Web[], seed: number): Chapter => {
  const shapes = webs.map(({ name, graph }) => ({ name, ...shapeOf(graph, seeded(seed)) }))
  const head = ['web', 'agents', 'links', 'clustering', 'mean path', 'longest path seen', 'most neighbours']
  const rows = shapes.map((shape, i) => [...shapeRow(shape), String(mostNeighbours(webs[i]?.graph))])
  return {
    name: 'webs',
    title: 'The webs',
    about: 'Links are mutual trust. Distances of webs above 1000 agents are taken from 250 agents drawn at random.',
    tables: [{ title: 'Shape', rows: [head, ...rows] }, ...debianTable(shapes.find((one) => one.name === 'debian'))],
    plots: [
      {
        name: 'degree',
        title: 'Share of agents with at least so many neighbours',
        x: { label: 'neighbours', isLog: true },
        y: { label: 'share of agents', isLog: true },
        series: webs.map(degreeSeries),
      },
    ],
    figures: { shapes },
  }
}

const shapeRow = ({ name, agents, links, clustering, meanPath, diameter }: Shape & { name: string }): string[] => [
  name,
  String(agents),
  String(links),
  short(clustering),
  short(meanPath),
  String(diameter),
]

const mostNeighbours = (graph: Graph | undefined): number =>
  graph === undefined ? 0 : Math.max(...Array.from({ length: graph.size }, (_, a) => degree(graph, a)))

const debianTable = (shape: Shape | undefined): Chapter['tables'] => {
  const real = debianWeb()
  if (shape === undefined || real === undefined) return []
  const row = (what: string, value: number, reference: number) => [
    what,
    String(Number(value.toFixed(3))),
    String(reference),
  ]
  return [
    {
      title: `The web of ${DEBIAN_PACKAGE}`,
      rows: [
        ['', 'here', 'reference'],
        row('keys', real.keys, REFERENCE.keys),
        row('certifications, one for each pair of keys', real.certifications, REFERENCE.certifications),
        row('agents: keys of the largest mutual part', shape.agents, REFERENCE.agents),
        row('links', shape.links, REFERENCE.links),
        row('clustering', shape.clustering, REFERENCE.clustering),
        row('mean path', shape.meanPath, REFERENCE.path),
        row('longest path', shape.diameter, REFERENCE.far),
      ],
      note: 'The reference was counted on version 2022.12.24 of the package; another version has other keys.',
    },
  ]
}

const degreeSeries = ({ name, graph }: Web): Series => {
  const degrees = Array.from({ length: graph.size }, (_, a) => degree(graph, a)).sort((a, b) => b - a)
  return { name, points: degrees.map((d, i) => [d, (i + 1) / graph.size] as const).reverse() }
}

/** Two agents that are not the same. */
export const pairIn = ({ size }: Graph, random: Random): [number, number] => {
  const a = random.between(0, size - 1)
  const b = random.between(0, size - 2)
  return [a, b < a ? b : b + 1]
}

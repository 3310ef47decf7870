/**
 * What a simulation leaves behind: tables on the terminal, and in the report folder one page, the
 * plots it shows, and all figures as JSON.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { printTable } from '../bench/table.ts'
import { drawPlot, escapeText, type Plot } from './svg.ts'

/** The first row is the head. `note` says what differs from the reference, and why. */
export type Table = { title: string; rows: readonly (readonly string[])[]; note?: string }
/** `name` names its files. `figures`: the same and more, for machines. */
export type Chapter = {
  name: string
  title: string
  about: string
  tables: Table[]
  plots: (Plot & { name: string })[]
  figures: object
}

export const printChapter = ({ title, tables }: Chapter): void => {
  console.log(`\n== ${title}`)
  for (const { title, rows, note } of tables) {
    console.log(`\n${title}`)
    printTable(rows)
    if (note !== undefined) console.log(`\n${note}`)
  }
}

/** @returns the page's path */
export const writeReport = (folder: string, run: object, chapters: readonly Chapter[]): string => {
  mkdirSync(folder, { recursive: true })
  for (const chapter of chapters) {
    for (const plot of chapter.plots) writeFileSync(join(folder, fileOf(chapter, plot)), drawPlot(plot))
    writeFileSync(join(folder, `${chapter.name}.json`), `${JSON.stringify({ run, ...chapter.figures }, null, 2)}\n`)
  }
  const page = join(folder, 'index.html')
  writeFileSync(page, pageOf(run, chapters))
  return page
}

const fileOf = (chapter: Chapter, plot: { name: string }): string => `${chapter.name}-${plot.name}.svg`

const STYLE = `body { font: 15px/1.45 sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: .6em 0 }
td, th { border-bottom: 1px solid #ddd; padding: .2em .8em; text-align: right }
td:first-child, th:first-child { text-align: left }
img { max-width: 100%; border: 1px solid #eee; margin: .6em 0 } .note { color: #555 }`

const pageOf = (run: object, chapters: readonly Chapter[]): string =>
  [
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Vouchsafe: the web, simulated</title>',
    `<style>${STYLE}</style>`,
    '<h1>The web, simulated</h1>',
    `<p class="note">${escapeText(JSON.stringify(run))}</p>`,
    ...chapters.flatMap((chapter) => [
      `<h2>${escapeText(chapter.title)}</h2>`,
      `<p>${escapeText(chapter.about)} <a href="${chapter.name}.json">All figures.</a></p>`,
      ...chapter.tables.flatMap(tableOf),
      ...chapter.plots.map((plot) => `<img src="${fileOf(chapter, plot)}" alt="${escapeText(plot.title)}">`),
    ]),
    '</html>\n',
  ].join('\n')

const tableOf = ({ title, rows: [head = [], ...rows], note }: Table): string[] => [
  `<h3>${escapeText(title)}</h3>`,
  '<table>',
  rowOf(head, 'th'),
  ...rows.map((row) => rowOf(row, 'td')),
  '</table>',
  ...(note === undefined ? [] : [`<p class="note">${escapeText(note)}</p>`]),
]

const rowOf = (cells: readonly string[], tag: string): string =>
  `<tr>${cells.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')}</tr>`

/**
 * The rules of docs/architecture.md that a machine can check, read off the imports of every file.
 * Type-only imports count as all others do: a circle is one for its reader, too.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { expect } from 'chai'
import ts from 'typescript'

const folders = ['src', 'store', 'gateway', 'scripts', 'test']

type Imports = { files: string[]; packages: string[] }

/** Relative imports as paths from the top, others as package names (`node:` kept). */
const importsOf = (file: string): Imports => {
  const text = readFileSync(file, 'utf8')
  const pathOf = (name: string) => normalize(join(dirname(file), name))
  const names = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)
  const [own, others] = [names.filter((name) => name.startsWith('.')), names.filter((name) => !name.startsWith('.'))]
  // A program that a test starts as a process of its own is named so.
  const started = [...text.matchAll(/new URL\('(\.[^']+\.ts)', import\.meta\.url\)/g)].map(([, name = '']) => name)
  return {
    files: [...own, ...started].map(pathOf),
    packages: others.map((name) => (name.startsWith('@') ? name.split('/', 2).join('/') : (name.split('/')[0] ?? ''))),
  }
}

const sources = folders.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
)
const imports = new Map(sources.map((file) => [file, importsOf(file)]))
const isIn =
  (...folders: string[]) =>
  (file: string) =>
    folders.some((folder) => file.startsWith(`${folder}/`))
const topOf = (file: string): string => file.slice(0, file.indexOf('/'))
const edges = ['gateway/smtp', 'gateway/imap', 'gateway/setup', 'gateway/link', 'gateway/cli']

/** `from → to` for every import between files that breaks a rule. */
const offences = (isOffence: (from: string, to: string) => boolean): string[] =>
  [...imports].flatMap(([from, { files }]) => files.filter((to) => isOffence(from, to)).map((to) => `${from} → ${to}`))

const foreign = (isAllowed: (file: string, name: string) => boolean): string[] =>
  [...imports].flatMap(([file, { packages }]) =>
    packages.filter((name) => !isAllowed(file, name)).map((name) => `${file} → ${name}`),
  )

describe('house', () => {
  it('no folder stands at the top that is not of the house', () => {
    const ignored = readFileSync('.gitignore', 'utf8').split('\n')
    const found = readdirSync('.', { withFileTypes: true })
      .filter((one) => one.isDirectory() && !one.name.startsWith('.'))
      .map(({ name }) => name)
      .filter((name) => !ignored.includes(`${name}/`) && !ignored.includes(`/${name}/`))
    expect(found).to.have.members([...folders, 'docs', 'etc'])
  })

  it('every import of a file leads to a file', () => {
    expect(offences((_from, to) => !imports.has(to))).to.deep.equal([])
  })

  it('imports point left only: src ← store ← gateway', () => {
    const left: Record<string, string[]> = {
      src: ['src'],
      store: ['src', 'store'],
      gateway: ['src', 'store', 'gateway'],
      scripts: ['src', 'store', 'gateway', 'scripts', 'test'], // the crash test and the simulator share fixtures
      test: folders,
    }
    expect(offences((from, to) => !left[topOf(from)]?.includes(topOf(to)))).to.deep.equal([])
  })

  it('src knows no socket, clock, table or log', () => {
    const pure = new Set(['node:crypto', 'node:stream', 'node:buffer', 'node:util']) // computing alone
    const crypto = new Set(['openpgp', '@scure/bip39'])
    // isIPv4 and isIPv6 open no socket: they read text.
    const isReader = (file: string, name: string) => file === 'src/link/invitation.ts' && name === 'node:net'
    const isAllowed = (file: string, name: string) =>
      !isIn('src')(file) || pure.has(name) || isReader(file, name) || (isIn('src/identity')(file) && crypto.has(name))
    expect(foreign(isAllowed)).to.deep.equal([])
  })

  it('only one file imports openpgp', () => {
    const isAllowed = (file: string, name: string) =>
      name !== 'openpgp' || file === 'src/identity/library.ts' || isIn('test')(file)
    expect(foreign(isAllowed)).to.deep.equal([])
  })

  it('only store speaks to the database', () => {
    expect(foreign((file, name) => name !== 'sqlite3' || isIn('store', 'test', 'scripts')(file))).to.deep.equal([])
  })

  it('edges import neither each other nor the engine', () => {
    const isOffence = (from: string, to: string) => {
      const edge = edges.find((folder) => isIn(folder)(from))
      return (
        edge !== undefined && (isIn('gateway/engine')(to) || edges.some((other) => other !== edge && isIn(other)(to)))
      )
    }
    expect(offences(isOffence)).to.deep.equal([])
  })

  it('there is no cycle', () => {
    expect(cycles()).to.deep.equal([])
  })

  it('there is no file that nobody uses', () => {
    const used = new Set<string>()
    const visit = (file: string): void => {
      if (used.has(file)) return
      used.add(file)
      for (const next of imports.get(file)?.files ?? []) visit(next)
    }
    visit('gateway/cli/vouchsafe.ts')
    for (const file of sources.filter(isIn('scripts'))) visit(file)
    const unusedInProgram = sources.filter((file) => !isIn('test')(file) && !used.has(file))
    visit('test/reporter.ts') // named in package.json
    for (const file of sources.filter((file) => /\.(test|slow)\.ts$/.test(file))) visit(file)
    expect([...unusedInProgram, ...sources.filter((file) => isIn('test')(file) && !used.has(file))]).to.deep.equal([])
  })

  it('every package that is imported is a dependency, and every dependency is imported', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>
    const named = new Set(['dependencies', 'devDependencies'].flatMap((kind) => Object.keys(manifest[kind] ?? {})))
    const builtin = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]))
    expect(foreign((_file, name) => builtin.has(name) || named.has(name))).to.deep.equal([])

    const imported = new Set([...imports.values()].flatMap(({ packages }) => packages))
    const isTool = (name: string) => name.startsWith('@types/') || ['@biomejs/biome', 'tsx', 'ts7'].includes(name)
    expect([...named].filter((name) => !imported.has(name) && !isTool(name))).to.deep.equal([])
  })

  it('files, pages and scripts that the docs name are there', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object }
    const missing = ['README.md', ...readdirSync('docs').map((name) => join('docs', name))].flatMap((page) => {
      const text = readFileSync(page, 'utf8')
      const files = namesIn(text, /`((?:src|store|gateway|scripts|test|etc)\/[\w./-]+)/g)
      const pages = namesIn(text, /\]\(([\w./-]+)(?:#[^)]*)?\)/g).map((name) => join(dirname(page), name))
      const run = namesIn(text, /(?:npm run|`)\s*((?:bench|test):\w+|(?<=npm run\s+)\w+)/g)
      return [...[...files, ...pages].filter((name) => !existsSync(name)), ...run.filter((name) => !(name in scripts))]
    })
    expect(missing).to.deep.equal([])
  })

  it('what a property may have many of, it has: without a size, fast-check makes ten at most', () => {
    const most = /(?:minLength: (?<least>\d+), )?maxLength: (?<most>\d+)(?!\d|,\s+size: 'max')/g
    const small = sources
      .filter(isIn('test'))
      .flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(most)]
          .filter(({ groups }) => Number(groups?.most) > 10 && groups?.most !== groups?.least)
          .map(([found]) => `${file}: ${found}`),
      )
    expect(small).to.deep.equal([])
  })
})

const namesIn = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = '']) => name)

/** One line for each cycle found by depth first search, each with the files it runs through. */
const cycles = (): string[] => {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file)
    if (at >= 0) found.push([...path.slice(at), file].join(' → '))
    if (at >= 0 || done.has(file)) return
    for (const next of imports.get(file)?.files ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of sources) visit(file, [])
  return found
}

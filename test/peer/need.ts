/**
 * Tests that need a program of Debian say so aloud when it is absent, and CI may not skip them.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Skips the running test (or fails it, in CI) unless `program` is installed. Servers live in sbin. */
export const need = (ctx: Mocha.Context, program: string, debianPackage: string): void => {
  if (!isInstalled(program)) leave(ctx, `${program} is not installed: apt-get install ${debianPackage}`)
}

/** The same, for swaks: it speaks TLS only with a module of Perl that Debian does not install along with it. */
export const needSwaks = (ctx: Mocha.Context): void => {
  need(ctx, 'swaks', 'swaks')
  const { status } = spawnSync('perl', ['-MNet::SSLeay', '-e', '1'])
  if (status !== 0) leave(ctx, 'swaks has no TLS: apt-get install libnet-ssleay-perl')
}

/** Debian's, which sees Debian's modules; another one may come first in PATH. */
export const python = '/usr/bin/python3'

/** The same, for modules of Python and the packages they are in. */
export const needPython = (ctx: Mocha.Context, modules: Record<string, string>): void => {
  const { status } = spawnSync(python, ['-c', `import ${Object.keys(modules)}`])
  if (status !== 0) leave(ctx, `Python lacks modules: apt-get install ${Object.values(modules).join(' ')}`)
}

/** The same, for a program that logs in by Cyrus SASL, whose mechanisms are a package of their own. */
export const needScram = (ctx: Mocha.Context, program: string): void => {
  const { status } = spawnSync('dpkg', ['--verify', 'libsasl2-modules'])
  if (status !== 0) leave(ctx, `${program} knows no SCRAM: apt-get install libsasl2-modules`)
}

/** The same, for a server that gives up root by itself. */
export const needRoot = (ctx: Mocha.Context, program: string): void => {
  if (process.getuid?.() !== 0) leave(ctx, `${program} starts as root only`)
}

const leave = (ctx: Mocha.Context, message: string): void => {
  if (process.env.CI === 'true') throw new Error(message)
  console.warn(`      skipped: ${message}`)
  ctx.skip()
}

const isInstalled = (program: string): boolean =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

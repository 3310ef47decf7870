/**
 * Thunderbird of Debian in a window of its own: a screen that nobody sees (Xvfb), a profile as new, and
 * names of hosts that all lead to this machine. What a person would click is clicked.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../scripts/ports.ts'
import { Marionette } from './marionette.ts'
import { openScreen } from './screen.ts'

const START_MS = 60_000

/** What the scripts below may use: elements in whatever shadow they stand, folders, waiting. */
const prelude = `
const all = (root, selector, found = []) => {
  found.push(...root.querySelectorAll(selector))
  for (const element of root.querySelectorAll('*')) if (element.shadowRoot) all(element.shadowRoot, selector, found)
  return found
}
const seen = (selector) => all(document, selector).find((e) => e.checkVisibility() && e.getClientRects().length > 0)
const until = async (what, holds) => {
  for (let i = 0; i < 150; i++) {
    const value = await holds()
    if (value) return value
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error('it did not happen within 30 s: ' + what)
}
const fill = (element, text, view = window) => {
  element.focus()
  element.value = text
  element.dispatchEvent(new view.Event('input', { bubbles: true }))
}
const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs')
const account = () => MailServices.accounts.accounts.map((one) => one.incomingServer).find(({ type }) => type === 'imap')
const folder = (name) => account().rootFolder.getChildNamed(name)
const subjects = (name) => [...folder(name).messages].map(({ subject }) => subject)
const pane = () => document.getElementById('tabmail').currentAbout3Pane
const show = async (name) => {
  pane().displayFolder(folder(name).URI)
  await until(name + ' is shown', () => pane().gFolder?.URI === folder(name).URI && pane().gDBView)
}
const pick = async (name, subject) => {
  await show(name)
  const key = await until(subject + ' is in ' + name, () =>
    [...folder(name).messages].find((one) => one.subject === subject)?.messageKey)
  const row = await until(subject + ' has a row', () => {
    for (let i = 0; i < pane().gDBView.rowCount; i++) if (pane().gDBView.getKeyAt(i) === key) return i + 1
  }) - 1
  pane().threadTree.selectedIndex = row
  await until(subject + ' is read', () => [...folder(name).messages].find((one) => one.messageKey === key)?.isRead)
}
`

export class Thunderbird {
  private readonly marionette: Marionette
  private readonly processes: ChildProcess[]
  private readonly relay: Server

  private constructor(marionette: Marionette, processes: ChildProcess[], relay: Server) {
    this.marionette = marionette
    this.processes = processes
    this.relay = relay
  }

  /** @param setup the port on which a gateway tells mail clients their settings, without TLS */
  static async start(home: string, setup: number): Promise<Thunderbird> {
    const profile = join(home, 'profile')
    await mkdir(profile)
    const [relay, port] = [await autoconfigRelay(setup), await freePort()]
    await writeFile(join(profile, 'user.js'), preferences(port, (relay.address() as AddressInfo).port))
    const screen = await openScreen()
    const args = ['--marionette', '--remote-allow-system-access', '--no-remote', '-profile', profile]
    const env = { ...process.env, HOME: home, DISPLAY: screen.display, MOZ_CRASHREPORTER_DISABLE: '1' }
    const program = spawn('thunderbird', args, { env, stdio: 'ignore' })
    return new Thunderbird(await Marionette.connect(port, START_MS), [program, screen.process], relay)
  }

  run<Result>(body: string): Promise<Result> {
    return this.marionette.run<Result>(prelude + body)
  }

  screenshot(): Promise<Buffer> {
    return this.marionette.screenshot()
  }

  async stop(): Promise<void> {
    this.marionette.close()
    for (const child of this.processes) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.signalCode === null && child.kill()) await gone
    }
    this.relay.closeAllConnections()
    await new Promise((resolve) => this.relay.close(resolve))
  }
}

/** `http://autoconfig.DOMAIN` is on port 80, which a test should not need: the program is told to ask this instead. */
const autoconfigRelay = (port: number): Promise<Server> => {
  const relay = createServer((asked, answer) => {
    const { pathname, search } = new URL(asked.url ?? '/', 'http://relay')
    const onward = request({ port, host: '127.0.0.1', path: pathname + search, method: asked.method }, (told) => {
      answer.writeHead(told.statusCode ?? 502, told.headers)
      told.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    asked.pipe(onward)
  })
  return new Promise((resolve) => relay.listen(0, '127.0.0.1', () => resolve(relay)))
}

const preferences = (marionette: number, relay: number): string => {
  const proxy = `function FindProxyForURL(url) { return url.startsWith('http://autoconfig.') ? 'PROXY 127.0.0.1:${relay}' : 'DIRECT' }`
  const values = {
    'marionette.port': marionette,
    'network.dns.forceResolve': '127.0.0.1', // nothing leaves this machine
    'network.proxy.type': 2,
    'network.proxy.autoconfig_url': `data:application/x-ns-proxy-autoconfig,${encodeURIComponent(proxy)}`,
    'app.update.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'mailnews.start_page.enabled': false,
    'mail.rights.version': 1,
  }
  return Object.entries(values)
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    .join('')
}

/**
 * Thunderbird as a person uses it, from the first start: name, address and password are typed, everything
 * else it finds out itself. Ann uses it at A; Bob answers from B, over R.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { letter, RawSmtp, readAll, startLine, type Web } from '../journey/web.ts'
import { need } from '../peer/need.ts'
import { Thunderbird } from './thunderbird.ts'

/** What a person compares with what `vouchsafe` shows, once, before they accept it. */
const accept = (certificate: string, host: string, ports: number[]): string => `
  const database = Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB)
  const certificate = database.constructX509FromBase64(${JSON.stringify(certificate.replaceAll(/-----[^-]*-----|\s/g, ''))})
  const accepted = Cc['@mozilla.org/security/certoverride;1'].getService(Ci.nsICertOverrideService)
  for (const port of ${JSON.stringify(ports)}) accepted.rememberValidityOverride('${host}', port, {}, certificate, false)
`

describe('Thunderbird', function () {
  this.timeout(180_000)
  let web: Web
  let home: string
  let thunderbird: Thunderbird
  before(async function () {
    need(this, 'thunderbird', 'thunderbird')
    need(this, 'Xvfb', 'xvfb')
    home = await mkdtemp(join(tmpdir(), 'thunderbird-'))
    web = await startLine(['a', 'r', 'b'], { grace: '"1 s"' })
    thunderbird = await Thunderbird.start(home, web.a.ports.http)
  })
  after(async () => {
    await thunderbird?.stop()
    await web?.close()
    if (home) await rm(home, { recursive: true })
  })
  afterEach(async function () {
    const folder = process.env.SCREENSHOTS
    if (!folder || !thunderbird) return
    await mkdir(folder, { recursive: true })
    const name = this.currentTest?.title.replaceAll(/[^\w]+/g, '-')
    await writeFile(join(folder, `${name}.png`), await thunderbird.screenshot())
  })

  const bobWrites = async (subject: string): Promise<void> => {
    const client = await RawSmtp.logIn(web.b, web.bob)
    expect(await client.submit(web.bob.address, [web.ann.address], letter(web.bob, web.ann.address, subject))).to.match(
      /^250 /,
    )
    client.close()
  }

  it('sets the account up from the address alone', async () => {
    const found = await thunderbird.run<string>(`
      await until('it asks who we are', () => seen('#email'))
      fill(seen('#realName'), 'Ann')
      fill(seen('#email'), '${web.ann.address}')
      seen('#forward').click()
      return until('settings are found', () => {
        const text = all(document, 'dialog.account-hub-dialog')[0]?.innerText ?? ''
        return text.includes('${web.a.ports.imaps}') && text
      })
    `)
    expect(found).to.include(String(web.a.ports.smtps)).and.to.include(web.ann.address)
    const folders = await thunderbird.run<string[]>(`
      ${accept(await web.a.certificate(), '127.0.0.1', [web.a.ports.imaps, web.a.ports.smtps])}
      seen('#forward').click()
      await until('it asks for the password', () => seen('#password'))
      fill(seen('#password'), '${web.ann.password}')
      seen('#forward').click()
      const finish = await until('the account is there', () =>
        all(document, 'button').find((one) => one.textContent.trim() === 'Finish' && one.checkVisibility()))
      finish.click()
      await until('all folders are there', () => account()?.rootFolder.descendants.length >= 8)
      return account().rootFolder.descendants.map(({ name }) => name)
    `)
    expect(folders).to.include.members(['Outgoing', 'Requests'])
  })

  it('sends, and shows in Outgoing what became of it', async () => {
    await thunderbird.run(`
      pane().document.querySelector('#folderPaneWriteMessage').click()
      const view = await until('a letter can be written', () => {
        const one = Services.wm.getMostRecentWindow('msgcompose')
        return one?.gMsgCompose?.editor && one.document.readyState === 'complete' && one
      })
      const to = view.document.querySelector('#toAddrInput')
      fill(to, '${web.bob.address}', view)
      view.recipientAddPills(to)
      fill(view.document.querySelector('#msgSubject'), 'from Thunderbird', view)
      view.GetCurrentEditor().insertText('Hello Bob')
      view.document.querySelector('#button-send').click()
      await until('it is sent', () => view.closed)
      await show('Outgoing')
      await until('it is delivered', () =>
        [...folder('Outgoing').messages].some((one) => one.getStringProperty('keywords').includes('$delivered')))
    `)
    await until('Bob has it', async () =>
      (await readAll(web.b, web.bob, 'Requests')).some(({ subject }) => subject === 'from Thunderbird'),
    )
  })

  it('receives, shows and flags', async () => {
    await bobWrites('an answer')
    const text = await thunderbird.run<string>(`
      await pick('INBOX', 'an answer')
      goDoCommand('cmd_markAsFlagged')
      await until('it is flagged', () => [...folder('INBOX').messages][0].isFlagged)
      const reader = pane().messageBrowser.contentWindow.getMessagePaneBrowser()
      return until('its text is shown', () => reader.contentDocument?.body?.innerText)
    `)
    expect(text).to.include('an answer')
    await until('the flag is there', async () =>
      (await readAll(web.a, web.ann, 'INBOX')).some(({ flags }) => flags.has('\\Flagged') && flags.has('\\Seen')),
    )
  })

  it('searches on the server', async () => {
    const hits = await thunderbird.run<string[][]>(`
      const search = async (attribute, text) => {
        const session = Cc['@mozilla.org/messenger/searchSession;1'].createInstance(Ci.nsIMsgSearchSession)
        session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder('INBOX'))
        const term = session.createTerm()
        Object.assign(term, { attrib: attribute, op: Ci.nsMsgSearchOp.Contains, booleanAnd: true })
        term.value = Object.assign(term.value, { attrib: attribute, str: text })
        session.appendTerm(term)
        const hits = []
        await new Promise((resolve) => {
          session.registerListener({ onSearchHit: (hit) => hits.push(hit.subject), onSearchDone: resolve, onNewSearch() {} })
          session.search(null)
        })
        return hits
      }
      const { Body, Subject } = Ci.nsMsgSearchAttrib
      return [await search(Subject, 'ANSWER'), await search(Body, 'answer'), await search(Body, 'nothing of it')]
    `)
    expect(hits).to.deep.equal([['an answer'], ['an answer'], []])
  })

  it('reads offline, and what is moved meanwhile is moved once it is online', async () => {
    const kept = await thunderbird.run<boolean[]>(`
      await new Promise((resolve) =>
        folder('INBOX').downloadAllForOffline({ onStartRunningUrl() {}, onStopRunningUrl: resolve,
          OnStartRunningUrl() {}, OnStopRunningUrl: resolve }, null))
      const kept = [...folder('INBOX').messages].map(({ messageKey }) => folder('INBOX').hasMsgOffline(messageKey))
      Services.io.offline = true
      MailServices.copy.copyMessages(folder('INBOX'), [...folder('INBOX').messages], folder('Archive'), true, null, null, true)
      await until('it is in Archive here', () => subjects('Archive').length === 1)
      return kept
    `)
    expect(kept).to.deep.equal([true])
    expect(await readAll(web.a, web.ann, 'Archive'), 'on the server').to.have.length(0)
    await thunderbird.run(`
      Services.io.offline = false
      Cc['@mozilla.org/messenger/offline-manager;1'].getService(Ci.nsIMsgOfflineManager).goOnline(false, true, null)
    `)
    await until('it is in Archive there', async () =>
      (await readAll(web.a, web.ann, 'Archive')).some(
        ({ subject, flags }) => subject === 'an answer' && flags.has('\\Flagged'),
      ),
    )
    expect(await readAll(web.a, web.ann, 'INBOX')).to.have.length(0)
  })

  it('the Spam button is a complaint', async () => {
    await bobWrites('unwanted')
    await thunderbird.run(`
      await pick('INBOX', 'unwanted')
      goDoCommand('cmd_markAsJunk')
    `)
    await until('Bob’s mail waits in Requests from now on', async () => {
      const { made } = await web.a.run<{ made: { stage: string; of: string }[] }>(['complaint', 'list'])
      return made.some(({ stage, of }) => stage === 'distrusted' && of === web.bob.address)
    })
  })
})

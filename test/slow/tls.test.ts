/**
 * What strangers see of our TLS, by testssl.sh: no port for mail clients has a weakness it knows, none speaks anything
 * older than 1.2, and nothing without forward secrecy and authenticated encryption.
 *
 * Debian's version gives no grade yet; newer ones do, and are believed. What would cap one at B or below (the rating
 * guide of SSL Labs) it reports as findings of severity LOW and up, and of these there must be none.
 *
 * The certificate is the gateway's own, so it is given to testssl.sh as an authority; what is said of its chain, its
 * revocation and its transparency log is about public authorities and no concern of a self-signed one. Nor is HSTS for
 * the set-up page: a browser that remembers it lets nobody past the question about such a certificate.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { Gateway, temporaryFolder } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { need } from '../peer/need.ts'

type Finding = { id: string; severity: string; finding: string }

describe('TLS as testssl.sh grades it', function () {
  this.timeout(600_000) // testssl.sh dials some hundred times a port
  const folder = temporaryFolder()
  let gateway: Gateway

  before(async function () {
    need(this, 'testssl', 'testssl.sh')
    gateway = new Gateway(folder, 'T', 't.test', await freePortBase(1))
    await gateway.init()
    await gateway.start()
  })
  after(() => gateway?.stop())

  const examine = async (port: number, starttls?: 'imap' | 'smtp'): Promise<Finding[]> => {
    const report = join(folder, `${port}.json`)
    const args = ['--quiet', '--color', '0', '--warnings', 'off', '--nodns', 'none', '--ip', '127.0.0.1']
    if (starttls) args.push('--starttls', starttls)
    const authority = join(gateway.home, 'tls/certificate.pem')
    args.push('--add-ca', authority, '--jsonfile', report, `localhost:${port}`)
    // It exits with how much it found, worth a line or not.
    const said = await new Promise<string>((resolve) => execFile('testssl', args, (_error, out) => resolve(out)))
    try {
      return JSON.parse(readFileSync(report, 'utf8')) as Finding[]
    } catch {
      throw new Error(`testssl.sh gave no report: ${said.slice(-2000)}`)
    }
  }

  const ports: [what: string, port: () => number, starttls?: 'imap' | 'smtp'][] = [
    ['IMAP', () => gateway.ports.imaps],
    ['IMAP with STARTTLS', () => gateway.ports.imap, 'imap'],
    ['submission', () => gateway.ports.smtps],
    ['submission with STARTTLS', () => gateway.ports.smtp, 'smtp'],
    ['set-up page', () => gateway.ports.https],
  ]
  for (const [what, port, starttls] of ports)
    it(`${what}: nothing weak, TLS 1.2 and 1.3 only`, async () => {
      const findings = await examine(port(), starttls)
      const of = (id: string) => findings.find((one) => one.id === id)?.finding
      expect(of('overall_grade') ?? 'A').to.match(/^A/)
      expect(findings.length, 'it looked').to.be.above(100)
      for (const old of ['SSLv2', 'SSLv3', 'TLS1', 'TLS1_1']) expect(of(old), old).to.match(/^not offered/)
      for (const good of ['TLS1_2', 'TLS1_3']) expect(of(good), good).to.match(/^offered/)
      for (const bad of ['NULL', 'aNULL', 'EXPORT', 'LOW', '3DES_IDEA', 'OBSOLETED'])
        expect(of(`cipherlist_${bad}`) ?? 'not offered', bad).to.equal('not offered')
      const weak = findings.filter(({ severity }) => ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'].includes(severity))
      expect(weak.filter(({ id }) => !aboutAuthorities.test(id) && id !== 'HSTS')).to.deep.equal([])
    })
})

const aboutAuthorities = /^cert_(chain_of_trust|trust|revocation|crlDistributionPoints|ocspURL|notAfter)/

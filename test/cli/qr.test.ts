import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { qrAsPng, qrOnTerminal } from '../../gateway/cli/qr.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { decodeInvitation, encodeInvitation, linkOfInvitation } from '../../src/link/invitation.ts'
import { need } from '../peer/need.ts'
import { drawnOn, photograph } from './photograph.ts'

describe('a QR picture', () => {
  const folder = mkdtempSync(join(tmpdir(), 'qr-'))
  after(() => rmSync(folder, { recursive: true }))

  /** As another program sees it. */
  const read = (name: string, bytes: Buffer): string => {
    const file = join(folder, name)
    writeFileSync(file, bytes)
    return execFileSync('zbarimg', ['--quiet', '--raw', file], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  }
  const [usual, longest] = [1, 8].map((count) => ({
    agentId: generateAgent().id,
    addresses: Array.from({ length: count }, (_, i) => `${'mail'.repeat(5)}${i}.example.org:2740`),
    token: Buffer.alloc(16, 7),
    expires: 1_800_000_000_000,
  }))

  for (const [what, invitation] of [
    ['an invitation', usual],
    ['one with eight addresses', longest],
  ] as const) {
    if (invitation === undefined) throw new Error('there are two')
    const link = linkOfInvitation(encodeInvitation(invitation))

    it(`${what} is read from the PNG by zbarimg`, function () {
      need(this, 'zbarimg', 'zbar-tools')
      expect(decodeInvitation(read('qr.png', qrAsPng(link)))).to.deep.equal(invitation)
    })

    it(`${what} is read from the terminal by zbarimg`, function () {
      need(this, 'zbarimg', 'zbar-tools')
      expect(decodeInvitation(read('qr.pgm', photograph(qrOnTerminal(link))))).to.deep.equal(invitation)
    })
  }

  it('of a usual invitation fits a terminal of 80 columns and 24 lines, and no line carries its colours on', () => {
    const code = encodeInvitation({ ...usual, addresses: ['192.0.2.7:2740'] } as Parameters<typeof encodeInvitation>[0])
    const lines = qrOnTerminal(linkOfInvitation(code)).split('\n')
    expect(lines.length).to.be.at.most(24)
    for (const line of lines) {
      const drawn = drawnOn(line)
      expect(drawn.length).to.be.at.most(80)
      expect(drawn.join('')).to.match(/^[ ▀▄█]+$/)
    }
  })
})

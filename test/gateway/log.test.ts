import { openSync } from 'node:fs'
import { expect } from 'chai'
import { createLog, humanLine, type LogOptions, linesTo } from '../../gateway/log.ts'

const linesOf = (
  format: LogOptions['format'],
  isTTY: boolean,
  work: (log: ReturnType<typeof createLog>) => void,
): string[] => {
  const lines: string[] = []
  work(createLog({ level: 'info', format }, { isTTY, write: (line) => lines.push(line) }))
  return lines
}

describe('log', () => {
  it('is a JSON object a line, with the level as a word', () => {
    const [line = ''] = linesOf('auto', false, (log) =>
      log.info({ event: 'accepted', envelope: 'e1', messageId: '<m@a>' }, 'taken'),
    )
    expect(JSON.parse(line)).to.include({
      level: 'info',
      event: 'accepted',
      envelope: 'e1',
      messageId: '<m@a>',
      msg: 'taken',
    })
    expect(line.endsWith('\n')).to.equal(true)
  })

  it('shows no secret, wherever it stands', () => {
    const secrets = { password: 's1', passphrase: 's2', token: 's3', deep: { password: 's4', invitation: 's5' } }
    const [line = ''] = linesOf('json', false, (log) => log.warn(secrets, 'careless'))
    for (const secret of ['s1', 's2', 's3', 's4', 's5']) expect(line).not.to.include(`"${secret}"`)
    expect(secrets.deep.password).to.equal('s4') // what was handed over is its owner's still
  })

  it('shows no secret of an error, and the rest of it', () => {
    const error = Object.assign(new TypeError('no way in'), { token: 's1', code: 'EAUTH' })
    const [line = ''] = linesOf('json', false, (log) => log.error({ err: error }, 'no'))
    expect(JSON.parse(line).err).to.deep.include({
      type: 'TypeError',
      message: 'no way in',
      token: '(secret)',
      code: 'EAUTH',
    })
    expect(JSON.parse(line).err.stack).to.equal(error.stack)
  })

  it('keeps the code of a refusal: it is what one greps for', () => {
    const [line = ''] = linesOf('json', false, (log) => log.warn({ code: 'link-unknown' }, 'no'))
    expect(line).to.include('"code":"link-unknown"')
  })

  it('is for people on a terminal, and only there', () => {
    const work = (log: ReturnType<typeof createLog>) =>
      log.info({ area: 'smtp', event: 'accepted', to: 'a b' }, 'taken')
    expect(linesOf('auto', true, work)[0]).to.match(/^\d\d:\d\d:\d\d\.\d{3} info {2}smtp accepted taken to="a b"\n$/)
    expect(linesOf('json', true, work)[0]).to.match(/^\{/)
    expect(linesOf('text', false, work)[0]).to.match(/^\d\d:/)
  })

  it('gives people the stack of an error', () => {
    const line = humanLine('{"time":0,"level":"error","err":{"message":"m","stack":"Error: m\\n    at x"}}')
    expect(line).to.include('Error: m\n    at x')
  })

  it('that can’t be written stops nobody', () => {
    const log = createLog({ level: 'info', format: 'json' }, linesTo(openSync('/dev/full', 'w')))
    for (let i = 0; i < 10_000; i++) log.info({ event: 'accepted' }, 'a line with nowhere to go')
  })

  it('a stranger’s text never steers the terminal', () => {
    const [line = ''] = linesOf('text', true, (log) =>
      log.warn({ messageId: '<\x1b]0;x\x07@evil>', name: '\x9b2Jx', err: new Error('\x1b[2J') }, 'no\x1b[31m room'),
    )
    expect(line).not.to.match(/[^\n\P{Cc}]/u)
    expect(line).to.include('no\\u{1b}[31m room').and.include('name="\\u{9b}2Jx"')
  })
})

import { expect } from 'chai'
import { noDoor } from '../../gateway/no-door.ts'

describe('a listener that could not be opened', () => {
  const fault = (code: string, address: string, port: number, syscall = 'listen') =>
    Object.assign(new Error(`${syscall} ${code}`), { code, syscall, address, port })

  const cases: [what: string, error: Error, said: RegExp][] = [
    [
      'another has the port',
      fault('EADDRINUSE', '127.0.0.1', 2587),
      /^Can't listen at 127.0.0.1:2587: another .*:2587/,
    ],
    [
      'the address is another machine’s',
      fault('EADDRNOTAVAIL', '::7', 25),
      /^Can't listen at \[::7\]:25: .*no such address/,
    ],
    ['the port is a privileged one', fault('EACCES', '0.0.0.0', 587), /ports below 1024.*vouchsafe\.service/],
    [
      'the name leads nowhere',
      Object.assign(new Error('getaddrinfo ENOTFOUND x.test'), {
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
        hostname: 'x.test',
      }),
      /^Can't listen at x\.test: the name is not found \(ENOTFOUND\)\. .*vouchsafe\.toml/,
    ],
    ['no listener was meant', fault('EADDRINUSE', '', 0, 'connect'), /^connect EADDRINUSE$/],
    ['an error of another kind', new Error('disk full'), /^disk full$/],
  ]
  for (const [what, error, said] of cases) it(what, () => expect((noDoor(error) as Error).message).to.match(said))
})

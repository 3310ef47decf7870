import { expect } from 'chai'
import { visible, visibleLines } from '../../gateway/terminal.ts'

describe('text by others on a terminal', () => {
  const cases: [what: string, text: string, shown: string][] = [
    ['colours', '\x1b[31mred', '\\u{1b}[31mred'],
    ['the one-byte form of them', '\x9b31mred', '\\u{9b}31mred'],
    ['a return to the start of the line', 'bad\rgood', 'bad\\u{d}good'],
    ['a turned direction', 'a\u202etxt.exe', 'a\\u{202e}txt.exe'],
    ['another end of line', 'a\u2028b', 'a\\u{2028}b'],
    ['half a character', 'a\ud800', 'a\\u{d800}'],
    ['names in any script, with joiners', 'Zoë 李 نیم‌فاصله 👩‍💻', 'Zoë 李 نیم‌فاصله 👩‍💻'],
  ]
  for (const [what, text, shown] of cases) it(what, () => expect(visible(text)).to.equal(shown))

  it('lines and columns stay, all else in them does not steer', () =>
    expect(visibleLines('a\tb\n\x1b[2J\tc\r\n')).to.equal('a\tb\n\\u{1b}[2J\tc\\u{d}\n'))
})

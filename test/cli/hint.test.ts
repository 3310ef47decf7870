import { expect } from 'chai'
import { type Called, calledAs, pasteable } from '../../gateway/cli/hint.ts'

describe('a hint can be pasted where the reader stands', () => {
  const plain: Called = { program: 'vouchsafe', home: undefined }
  const far: Called = { program: 'scripts/vouchsafe', home: 'a' }
  const odd: Called = { program: '/opt/my gateway/vouchsafe', home: "ann's" }

  const cases: [what: string, hint: string, called: Called, shown: string][] = [
    [
      'as it was called',
      'vouchsafe link list',
      { ...plain, program: 'scripts/vouchsafe' },
      'scripts/vouchsafe link list',
    ],
    [
      'with the home that was named',
      'then `vouchsafe serve` first',
      far,
      'then `scripts/vouchsafe --home a serve` first',
    ],
    ['from the PATH as it stands', 'vouchsafe trace ID', plain, 'vouchsafe trace ID'],
    [
      'each in its line',
      'vouchsafe link invite, or vouchsafe link accept CODE\nvouchsafe verify --home /bk',
      far,
      'scripts/vouchsafe --home a link invite, or scripts/vouchsafe --home a link accept CODE\nscripts/vouchsafe verify --home /bk',
    ],
    [
      'also where --home is spoken of',
      '`vouchsafe init`, or name it by --home.',
      far,
      '`scripts/vouchsafe --home a init`, or name it by --home.',
    ],
    ['quoted for the shell', 'vouchsafe status', odd, `'/opt/my gateway/vouchsafe' --home 'ann'\\''s' status`],
    ['but not what another owner shall run', 'run there: vouchsafe status', far, 'run there: vouchsafe status'],
    ['nor in backticks', 'there: `vouchsafe doctor`', far, 'there: `vouchsafe doctor`'],
    ['nor the name of the product', 'a vouchsafe home; vouchsafe:vs1-x', far, 'a vouchsafe home; vouchsafe:vs1-x'],
  ]
  for (const [what, hint, called, shown] of cases) it(what, () => expect(pasteable(hint, called)).to.equal(shown))

  it('knows how it was called', () => {
    const node = ['node', 'vouchsafe.js']
    expect(calledAs([...node, 'link', 'list'], {})).to.deep.equal(plain)
    expect(calledAs([...node, 'status', '--home', 'a'], { VOUCHSAFE_CALLED: 'scripts/vouchsafe' })).to.deep.equal(far)
    expect(calledAs([...node, '--home=a', 'status'], { VOUCHSAFE_CALLED: 'scripts/vouchsafe' })).to.deep.equal(far)
  })
})

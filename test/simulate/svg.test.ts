/** Plots: text that a browser draws, whatever the figures are. */
import { expect } from 'chai'
import { drawPlot, type Plot } from '../../scripts/simulate/svg.ts'

const plot = (more: Partial<Plot> = {}): string =>
  drawPlot({
    title: 'A & B',
    x: { label: 'day' },
    y: { label: 'share' },
    series: [
      {
        name: 'web <1>',
        points: [
          [0, 0],
          [1, 0.5],
          [2, 1],
        ],
      },
    ],
    ...more,
  })
const pointsOf = (svg: string): string[] => (/<polyline[^>]* points="([^"]*)"/.exec(svg)?.[1] ?? '').split(' ')

describe('simulate: a plot', () => {
  it('goes from its lower left to its upper right, in the pixels of its box', () => {
    const points = pointsOf(plot()).map((point) => point.split(',').map(Number))
    expect(points.map(([x]) => x)).to.deep.equal([72, 316, 560])
    expect(points.map(([, y]) => y)).to.deep.equal([364, 202, 40])
  })

  it('has words of any kind as text', () => {
    expect(plot()).to.contain('A &amp; B').and.contain('web &lt;1&gt;').and.not.contain('web <1>')
  })

  it('leaves out what a logarithm has no place for, and marks the decades', () => {
    const points: [number, number][] = [
      [0, 1],
      [10, 1],
      [1000, 0.01],
    ]
    const svg = plot({
      x: { label: 'n', isLog: true },
      y: { label: 's', isLog: true },
      series: [{ name: 'a', points }],
    })
    expect(pointsOf(svg)).to.deep.equal(['72.0,40.0', '560.0,364.0'])
    for (const tick of ['10', '100', '1000', '0.1']) expect(svg).to.contain(`>${tick}</text>`)
  })

  it('of nothing has no numbers that are none', () => {
    for (const points of [[], [[1, 1]]] as [number, number][][])
      expect(plot({ series: [{ name: 'a', points }] })).to.not.match(/NaN|Infinity/)
  })
})

/**
 * Mocha's `spec` (or `dot`, with REPORT=dot), and a last line that people and CI can read:
 *
 *   412 passed, 0 failed, 3 skipped
 */
import Mocha from 'mocha'

const { dot: Dot, spec: Spec } = Mocha.reporters
const Shown = process.env.REPORT === 'dot' ? Dot : Spec

// A default export, because Mocha looks for its reporter there.
export default class Counted extends Shown {
  override epilogue(): void {
    super.epilogue()
    const { passes, failures, pending } = this.stats
    console.log(`${passes} passed, ${failures} failed, ${pending} skipped`)
  }
}

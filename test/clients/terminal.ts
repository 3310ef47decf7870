/**
 * A terminal of 40 lines and 120 columns with a program in it: what it draws is read, and keys are typed.
 */
import { spawn } from 'node:child_process'

export class Terminal {
  /** The program is over; rejected if it had to be ended. */
  readonly ended: Promise<void>
  private readonly child: ReturnType<typeof spawn>
  private drawn = ''
  private readonly late: NodeJS.Timeout
  private wake: () => void = () => {}

  constructor(command: string, env: NodeJS.ProcessEnv, limitMs: number) {
    this.child = spawn('script', ['-qec', `stty rows 40 cols 120; ${command}`, '/dev/null'], { env })
    this.late = setTimeout(() => this.child.kill(), limitMs)
    this.child.stdout?.on('data', (bytes) => {
      this.drawn += String(bytes)
      this.wake()
    })
    this.ended = new Promise((resolve, reject) =>
      this.child.once('exit', (_, signal) => {
        clearTimeout(this.late)
        this.wake()
        if (signal) reject(new Error(`it had to be ended; drawn: ${this.drawn.slice(-2000)}`))
        else resolve()
      }),
    )
    this.ended.catch(() => {}) // whoever awaits it hears of it
  }

  /** Waits until it draws this, from the last keys on. */
  async shows(text: RegExp): Promise<void> {
    while (!text.test(this.drawn)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`${text} was not shown, but: ${this.drawn.slice(-2000)}`)
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }

  types(keys: string): void {
    this.drawn = ''
    this.child.stdin?.write(keys)
  }
}

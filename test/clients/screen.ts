/** A screen that nobody sees, for programs with windows: Xvfb, on a display number of its own choice. */
import { type ChildProcess, spawn } from 'node:child_process'

export const openScreen = async (): Promise<{ display: string; process: ChildProcess }> => {
  const process = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x960x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const number = await new Promise<string>((resolve, reject) => {
    process.once('error', reject)
    process.stdio[3]?.once('data', (text) => resolve(String(text).trim()))
  })
  return { display: `:${number}`, process }
}

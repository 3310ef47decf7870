/** BIND on loopback for a test: zone example.org, and a key that may change two names of it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../scripts/ports.ts'
import { until } from '../link/agents.ts'

export const run = promisify(execFile)

export type Named = {
  port: number
  /** In the server's folder: `key` is its own, `wrong` has another secret, `unknown` is one it never heard of. */
  file(name: string): string
  /** What `dig +short` says. */
  ask(name: string, type: string): Promise<string>
  stop(): Promise<void>
}

export const startNamed = async (): Promise<Named> => {
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-dns-'))
  const port = await freePort()
  const file = (name: string): string => join(folder, name)
  const save = (name: string, text: string) => writeFile(file(name), text, { mode: 0o600 })
  const { stdout: key } = await run('tsig-keygen', ['-a', 'hmac-sha256', 'Vouchsafe.Example'], { env: withSbin })
  const { stdout: other } = await run('tsig-keygen', ['-a', 'hmac-sha256', 'unknown.example'], { env: withSbin })
  await save('key', key)
  await save('unknown', other)
  await save('wrong', key.replace(/secret ".*"/, `secret "${Buffer.alloc(32, 1).toString('base64')}"`))
  await save('zone', zone)
  await save('conf', confOf(folder, port, key))

  const named: ChildProcess = spawn('named', ['-g', '-n', '1', '-c', file('conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: withSbin,
  })
  let said = ''
  named.stderr?.on('data', (chunk) => {
    said += chunk
  })
  const ask = async (name: string, type: string): Promise<string> => {
    const args = ['@127.0.0.1', '-p', String(port), '+short', '+time=1', '+tries=1', name, type]
    return (await run('dig', args).catch(() => ({ stdout: '' }))).stdout.trim()
  }
  const stop = async () => {
    const gone = new Promise((resolve) => named.once('exit', resolve))
    if (named.kill()) await gone
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until(async () => (await ask('ns.example.org', 'A')) === '127.0.0.1', 'named answers', 15_000)
  } catch (error) {
    await stop()
    throw new Error(`${error instanceof Error ? error.message : error}\n${said.slice(-2000)}`)
  }
  return { port, file, ask, stop }
}

const withSbin = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }

const zone = `$TTL 60
@ SOA ns.example.org. root.example.org. 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
`
const confOf = (folder: string, port: number, key: string) => `${key}
options {
  directory "${folder}"; pid-file none; session-keyfile none; managed-keys-directory "${folder}";
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; notify no; dnssec-validation no; allow-new-zones no;
};
controls { };
zone "example.org" {
  type primary; file "${folder}/zone";
  update-policy {
    grant Vouchsafe.Example name home.example.org A AAAA;
    grant Vouchsafe.Example name other.example.org A;
  };
};
`

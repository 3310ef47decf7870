/**
 * Pebble on loopback for a test: the authority that Let's Encrypt made for those who write clients. It refuses a part of
 * all nonces on purpose. Every name leads to 127.0.0.1 in the DNS it asks, which its companion answers.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { selfSigned } from '../../gateway/tls.ts'
import { temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePort } from '../../scripts/ports.ts'

export type Pebble = {
  directory: string
  /** The certificate of its own web server, a file: for NODE_EXTRA_CA_CERTS. */
  trust: string
  /** Its root as of this start: what it gives stands on that. PEM. */
  root(): Promise<string>
  stop(): Promise<void>
}

/** @param httpPort where it looks for proofs @param lifeSeconds of what it gives */
export const startPebble = async (httpPort: number, lifeSeconds: number): Promise<Pebble> => {
  const folder = temporaryFolder()
  const [port, manage, dns, mock] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const { certificate, key } = await selfSigned(['localhost'], ['127.0.0.1'])
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const trust = file('certificate.pem', certificate)
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${manage}`,
    certificate: trust,
    privateKey: file('key.pem', key),
    httpPort,
    tlsPort: httpPort,
    certificateValidityPeriod: lifeSeconds,
  }
  const unused = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', '']
  const children: ChildProcess[] = [
    spawn('pebble-challtestsrv', ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${mock}`, ...unused], {
      stdio: 'ignore',
    }),
    spawn(
      'pebble',
      ['-strict', '-config', file('config.json', JSON.stringify({ pebble: config })), '-dnsserver', `127.0.0.1:${dns}`],
      { stdio: 'ignore', env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20' } },
    ),
  ]
  const stop = async () => {
    for (const child of children) {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.kill()) await gone
    }
  }
  const fetched = (url: string): Promise<string> =>
    new Promise((resolve, reject) => {
      get(url, { ca: certificate, agent: false }, (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      }).on('error', reject)
    })
  const directory = `https://localhost:${port}/dir`
  try {
    await until('pebble answers', () => fetched(directory).then(Boolean, () => false))
  } catch (error) {
    await stop()
    throw error
  }
  return { directory, trust, root: () => fetched(`https://localhost:${manage}/roots/0`), stop }
}

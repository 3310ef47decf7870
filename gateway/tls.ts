/**
 * The certificate that mail clients see (links have their own, made from the agent's key).
 *
 * Either the administrator's, named in the configuration (`[tls] certificate, key`), or one that an authority gives
 * (`[tls.acme]`, acme/keep.ts), or, also as long as there is no good one of those, a self-signed one under
 * `<home>/tls/`: ECDSA P-256, because every mail client of the last ten years takes it, valid 825 days, because Apple
 * refuses longer ones. It is renewed with the same key 30 days before it ends, or when clients are told another name of
 * this gateway: those that pinned the key notice nothing.
 *
 * `reload()`: new connections get what the files hold then. A pair of files that can't be used is refused and
 * the old pair stays in service. When to: renewal.ts. One that has ended serves only where there is no other: at the start.
 */
import { constants, createPrivateKey, createPublicKey, webcrypto, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { makeFolder, readIfThere, writeWhole } from '../store/file.ts'
import { isHost } from './config/value.ts'

export type TlsPair = { certificate: string; key: string }
export type TlsFiles = {
  /** PEM texts as of the last successful reload. */
  current(): TlsPair
  /** SHA-256 of the certificate, as mail clients show it. */
  fingerprint(): string
  /** Reads the files again. @throws TlsError, and keeps the old pair */
  reload(): Promise<TlsPair>
  /**
   * Whether the files have changed since they were last read, well or not; of our own: whether it is near its end; of an
   * authority's: whether it has ended.
   */
  isStale(): Promise<boolean>
}
export type TlsOptions = {
  home: string
  domain?: string | undefined
  /** Where clients are told to connect, names and IP addresses. */
  hosts?: readonly string[]
  certificate?: string | undefined
  key?: string | undefined
  /** Whether an authority is asked for one. */
  acme?: object | undefined
}

/** Key and certificates from an authority, in one file. */
export const acmePair = (home: string): string => join(home, 'tls', 'acme.pem')

/**
 * How every port for mail clients speaks TLS (RFC 9325 §4.2, RFC 8997): 1.3, and 1.2 with forward secrecy and
 * authenticated encryption. Our certificate is ECDSA; an administrator's may be RSA, so both have their suites.
 */
export const tlsTerms = {
  minVersion: 'TLSv1.2' as const,
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    ...['ECDHE-ECDSA', 'ECDHE-RSA'].flatMap((by) => [
      `${by}-AES128-GCM-SHA256`,
      `${by}-AES256-GCM-SHA384`,
      `${by}-CHACHA20-POLY1305`,
    ]),
  ].join(':'),
  ecdhCurve: 'X25519:P-256:P-384',
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION, // of TLS 1.2: nobody needs it, and it costs us more than the client
}

/** A certificate or key that can't be used; the text says which file and what to do. */
class TlsError extends Error {
  override readonly name = 'TlsError'
}

const validDays = 825
const renewDays = 30
const dayMs = 86_400_000

export const openTls = async (options: TlsOptions): Promise<TlsFiles> => {
  const { certificate, key, home, domain, hosts = [], acme } = options
  const given = certificate !== undefined && key !== undefined ? ([certificate, key] as const) : undefined
  const files = given ?? (acme && ([acmePair(home), acmePair(home)] as const))
  let seen = ''
  let isOwn = false
  const load = async (mayHaveEnded: boolean) => {
    if (files) seen = await traceOf(files) // before they are read: a change in between is seen the next time
    const theirs = files && readPair(...files, mayHaveEnded && given !== undefined)
    const pair = given ? await theirs : await theirs?.catch(() => undefined)
    isOwn = pair === undefined
    return pair ?? ownPair(home, [...hosts, ...(domain === undefined ? [] : [domain])])
  }

  let pair = await load(true) // clients warn of one that has ended; without any gateway no mail goes, between gateways neither
  return {
    current: () => pair,
    fingerprint: () => new X509Certificate(pair.certificate).fingerprint256,
    async reload() {
      pair = await load(false)
      return pair
    },
    isStale: async () =>
      (isOwn ? isEnding(pair) : given === undefined && hasEnded(pair)) ||
      (files !== undefined && (await traceOf(files)) !== seen),
  }
}

/** Whether programs that have never met it can not know it, and ask their people. */
export const isSelfSigned = (certificate: string): boolean => {
  const { issuer, subject } = new X509Certificate(certificate)
  return issuer === subject
}

/** In days, rounded down, and in words; and whether that is little: of a short life the last quarter, else the last `days`. */
export const lifeLeft = (certificate: string, days: number): { days: number; told: string; isLittle: boolean } => {
  const [from, until] = [Date.parse(new X509Certificate(certificate).validFrom), endOf(certificate)]
  const left = until - Date.now()
  const whole = Math.floor(left / dayMs)
  const told = left < 0 ? `ended on ${endDay(certificate)}, and mail clients warn of it` : `ends in ${whole} days`
  return { days: whole, told, isLittle: left < Math.min(days * dayMs, (until - from) / 4) }
}

/** What a change of the files changes. Gone is a change, too: the next look after they are back is another. */
const traceOf = async (paths: readonly string[]): Promise<string> => {
  const all = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)))
  return all.map((one) => (one ? `${one.ino}:${one.size}:${one.mtimeMs}` : 'gone')).join(' ')
}

const isEnding = ({ certificate }: TlsPair): boolean => endOf(certificate) <= Date.now() + renewDays * dayMs
const hasEnded = ({ certificate }: TlsPair): boolean => endOf(certificate) < Date.now()

const endOf = (certificate: string): number => Date.parse(new X509Certificate(certificate).validTo)
/** The last day of a certificate, by UTC. */
export const endDay = (certificate: string): string => new Date(endOf(certificate)).toISOString().slice(0, 10)

const readPair = async (certificatePath: string, keyPath: string, mayHaveEnded: boolean): Promise<TlsPair> => {
  const [certificate, key] = await Promise.all([readText(certificatePath), readText(keyPath)])
  const why = whyNoPair({ certificate, key })
  if (why !== undefined) {
    throw new TlsError(
      `${certificatePath} and ${keyPath} are no usable pair (${why}). ` +
        'Give the PEM certificate chain, leaf first, and its own key, without a passphrase.',
    )
  }
  const pair = { certificate, key }
  if (mayHaveEnded || !hasEnded(pair)) return pair
  throw new TlsError(
    `The certificate ${certificatePath} ended on ${endDay(certificate)}. Renew it: it is read again within a minute.`,
  )
}

/** What OpenSSL says of a pair that belongs not together, or is none. */
export const whyNoPair = ({ certificate, key }: TlsPair): string | undefined => {
  try {
    createSecureContext({ cert: certificate, key })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Let's Encrypt's own tools leave theirs to root alone. */
const unread: Record<string, string> = {
  EACCES: 'Let the user that the gateway runs as read it, or a copy of it.',
}

const readText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    throw new TlsError(`Can't read ${path}: ${code}. ${unread[code] ?? 'Name a file that is there.'}`)
  }
}

/** Whether clients that connect there take it as far as the name is concerned. */
export const isFor = (certificate: string, host: string): boolean => {
  const read = new X509Certificate(certificate)
  if (isIP(host) > 0) return read.checkIP(host) !== undefined
  return isHost(host) && read.checkHost(asciiName(host)) !== undefined
}

/** @param hosts it has to be good for, the domain last; made anew, with the same key, where the old one is not */
const ownPair = async (home: string, hosts: readonly string[]): Promise<TlsPair> => {
  const folder = join(home, 'tls')
  const [certificatePath, keyPath] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  const [certificate, key] = await Promise.all([readIfThere(certificatePath), readIfThere(keyPath)])
  const names = hosts.filter((host) => isIP(host) === 0 && isHost(host))
  const addresses = hosts.filter((host) => isIP(host) > 0)
  const isGood = certificate && key && whyNoPair({ certificate, key }) === undefined && !isEnding({ certificate, key })
  if (isGood && [...names, ...addresses].every((host) => isFor(certificate, host))) return { certificate, key }
  if (key && !isKey(key))
    throw new TlsError(
      `${keyPath} is damaged: put it back from a backup; or remove it, and mail clients ask once about the new one.`,
    )

  const machine = [hostname()].filter(isHost) // a container's may be a number, which no certificate can name
  const pair = await selfSigned(['localhost', ...machine, ...names], ['127.0.0.1', '::1', ...addresses], key)
  await makeFolder(folder)
  await writeWhole(keyPath, pair.key)
  await writeWhole(certificatePath, pair.certificate)
  return pair
}

const isKey = (pem: string): boolean => {
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1'
  } catch {
    return false
  }
}

/** @param key PEM of the key to go on with; a new one is drawn without it */
export const selfSigned = async (names: string[], addresses: string[], key?: string): Promise<TlsPair> => {
  await import('reflect-metadata') // x509 stands on it, and looks for it when it is loaded
  const x509 = await import('@peculiar/x509')
  const { subtle } = webcrypto
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

  const keys = key === undefined ? await subtle.generateKey(algorithm, true, ['sign', 'verify']) : await importPair(key)
  const now = Date.now()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [(names.at(-1) ?? 'localhost').slice(0, 64)] }], // ub-common-name, RFC 5280 appendix A.1
      notBefore: new Date(now - dayMs), // a client whose clock is a little behind
      notAfter: new Date(now + (validDays - 1) * dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...[...new Set(names.map(asciiName))].map((value) => ({ type: 'dns' as const, value })),
          ...[...new Set(addresses)].map((value) => ({ type: 'ip' as const, value })),
        ]),
      ],
    },
    webcrypto,
  )
  return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) }
}

export const pemOf = async (key: webcrypto.CryptoKey): Promise<string> => {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return String(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }))
}

const importPair = async (key: string) => {
  const { subtle } = webcrypto
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const pkcs8 = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
  }
}

/** Names in certificates are ASCII: `münchen.example` stands as its A-label (RFC 5280 §7.2). */
const asciiName = (name: string): string => new URL(`http://${name}`).hostname

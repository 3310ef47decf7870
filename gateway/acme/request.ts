/** The request for a certificate (PKCS #10, RFC 2986): names, and a new P-256 key as every mail client takes it. */
import { webcrypto } from 'node:crypto'
import { pemOf } from '../tls.ts'

/** `csr` is DER. */
type CertificateRequest = { csr: Buffer; key: string }

export const requestFor = async (names: string[]): Promise<CertificateRequest> => {
  await import('reflect-metadata') // x509 stands on it, and looks for it when it is loaded
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))],
    },
    webcrypto,
  )
  return { csr: Buffer.from(request.rawData), key: await pemOf(keys.privateKey) }
}

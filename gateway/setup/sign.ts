/**
 * A text under the signature of the certificate that mail clients see: CMS SignedData, RFC 5652, DER, the text
 * inside. Whoever trusts the certificate for mail sees who made the profile; with a self-signed one Apple says
 * "not verified", as it says of the certificate itself.
 */
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto'
import * as cms from '@peculiar/asn1-cms'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, Certificate, Time } from '@peculiar/asn1-x509'
import type { TlsPair } from '../tls.ts'

const SHA256 = '2.16.840.1.101.3.4.2.1'
/** By `asymmetricKeyType`, with SHA-256: RFC 5754 §3. */
const algorithms: Record<string, AlgorithmIdentifier> = {
  ec: new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' }),
  rsa: new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.11', parameters: null }),
}
const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const SIGNING_TIME = '1.2.840.113549.1.9.5'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
/** The DER of the object identifier of plain data. */
const DATA = new Uint8Array([0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01]).buffer

/** @returns undefined for a key of a kind that phones would not verify (Ed25519) */
export const signed = (text: string, { certificate, key }: TlsPair, now: number): Buffer | undefined => {
  const privateKey = createPrivateKey(key)
  const signatureAlgorithm = algorithms[privateKey.asymmetricKeyType ?? '']
  if (!signatureAlgorithm) return undefined

  const chain = certificatesOf(certificate)
  const [leaf] = chain
  if (!leaf) return undefined
  const digest = new AlgorithmIdentifier({ algorithm: SHA256 })
  const content = Buffer.from(text)
  const { issuer, serialNumber } = leaf.tbsCertificate
  // In the order of their DER encodings, as a SET OF has to be: the shorter come first.
  const attributes = [
    new cms.Attribute({ attrType: CONTENT_TYPE, attrValues: [DATA] }),
    attribute(SIGNING_TIME, new Time(new Date(now))),
    attribute(MESSAGE_DIGEST, new OctetString(createHash('sha256').update(content).digest())),
  ]
  const signer = new cms.SignerInfo({
    version: cms.CMSVersion.v1,
    sid: new cms.SignerIdentifier({ issuerAndSerialNumber: new cms.IssuerAndSerialNumber({ issuer, serialNumber }) }),
    digestAlgorithm: digest,
    signedAttrs: attributes,
    signatureAlgorithm,
    signature: new OctetString(sign('sha256', signedBytes(attributes), privateKey)),
  })
  const data = new cms.SignedData({
    version: cms.CMSVersion.v1,
    digestAlgorithms: new cms.DigestAlgorithmIdentifiers([digest]),
    encapContentInfo: new cms.EncapsulatedContentInfo({
      eContentType: cms.id_data,
      eContent: new cms.EncapsulatedContent({ single: new OctetString(content) }),
    }),
    certificates: new cms.CertificateSet(chain.map((certificate) => new cms.CertificateChoices({ certificate }))),
    signerInfos: new cms.SignerInfos([signer]),
  })
  const whole = new cms.ContentInfo({ contentType: cms.id_signedData, content: AsnConvert.serialize(data) })
  return Buffer.from(AsnConvert.serialize(whole))
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const certificatesOf = (pem: string): Certificate[] =>
  (pem.match(PEM) ?? []).map((one) => AsnConvert.parse(new X509Certificate(one).raw, Certificate))

const attribute = (attrType: string, value: object): cms.Attribute =>
  new cms.Attribute({ attrType, attrValues: [AsnConvert.serialize(value)] })

/**
 * What is signed is the attributes as a SET, though they travel under a tag of their own. RFC 5652 §5.4.
 * These three are 105 bytes, whatever they hold: a length of one byte.
 */
const signedBytes = (attributes: cms.Attribute[]): Buffer => {
  const body = Buffer.concat(attributes.map((one) => Buffer.from(AsnConvert.serialize(one))))
  return Buffer.concat([Buffer.from([0x31, body.length]), body])
}

/** IP addresses as text and as bytes. */

/** @returns 4 or 16 bytes, undefined for what is no IP address */
export const ipBytes = (text: string): Buffer | undefined => {
  if (isIpv4(text)) return Buffer.from(text.split('.').map(Number))
  return isIpv6(text) ? ipv6Bytes(text) : undefined
}

const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`)
const isIpv4 = (text: string): boolean => ipv4.test(text)
const isIpv6 = (text: string): boolean => text.includes(':') && URL.canParse(`http://[${text}]`)

/** The URL parser writes any spelling of an IPv6 address as RFC 5952 does. */
const ipv6Canonical = (host: string): string => new URL(`http://[${host}]`).hostname.slice(1, -1)

export const ipv6Bytes = (host: string): Buffer => {
  const [left = '', right] = ipv6Canonical(host).split('::')
  const groups = (half: string) => (half === '' ? [] : half.split(':'))
  const missing = 8 - groups(left).length - groups(right ?? '').length
  const all = [...groups(left), ...Array.from({ length: missing }, () => '0'), ...groups(right ?? '')]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

export const ipv6Text = (bytes: Buffer): string => ipv6Canonical(bytes.toString('hex').replace(/(.{4})(?=.)/g, '$1:'))

/** One spelling for each address; an IPv4 address within IPv6 (as sockets say it) is that IPv4 address. */
export const ipCanonical = (text: string): string | undefined => {
  const bytes = ipBytes(text.replace(/%.*$/, '')) // a zone means something on one machine only
  if (bytes === undefined) return undefined
  if (bytes.length === 4) return bytes.join('.')
  return bytes.subarray(0, 12).equals(MAPPED) ? bytes.subarray(12).join('.') : ipv6Text(bytes)
}
const MAPPED = Buffer.from(`${'00'.repeat(10)}ffff`, 'hex')

/** Whether somebody anywhere can mean it: RFC 6890 and its registries, as far as home networks and tests meet them. */
export const isPublicIp = (text: string): boolean => {
  const bytes = ipBytes(text)
  if (bytes === undefined) return false
  const [a = 0, b = 0] = bytes
  if (bytes.length === 16) return a >= 0x20 && a < 0x40 // 2000::/3 is all that is given out
  const isSpecial =
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) || // carrier-grade NAT
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168)
  return !isSpecial
}

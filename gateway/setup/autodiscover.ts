/**
 * The settings as Outlook looks for them: Autodiscover, "plain old XML" (MS-OXDSCLI): a POST to
 * `/autodiscover/autodiscover.xml`, and the JSON before it ("v2") that only says where that is.
 */
import type { Way } from '../config/settings.ts'
import { type Markup, markup } from './markup.ts'

const RESPONSE = 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006'
const OUTLOOK = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a'

/** @returns the address of a request; undefined if it is none, or asks for settings of another kind (telephones') */
export const askedFor = (request: string): string | undefined => {
  const textOf = (name: string): string | undefined =>
    new RegExp(`<(?:[\\w-]+:)?${name}\\s*>([^<]{1,1000})</`, 'i').exec(request)?.[1]?.trim()
  const wanted = textOf('AcceptableResponseSchema')
  return wanted === undefined || unescaped(wanted) === OUTLOOK ? optional(textOf('EMailAddress')) : undefined
}

const optional = (text: string | undefined): string | undefined => (text === undefined ? undefined : unescaped(text))

/** @param login the user name: the whole address */
export const settingsFor = (login: string, ways: Way[]): string =>
  markup`<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="${RESPONSE}">
  <Response xmlns="${OUTLOOK}">
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>${ways.map((way) => protocol(login, way))}
    </Account>
  </Response>
</Autodiscover>
`.text

/** `SPA` would be Windows' own login. Where `Encryption` is not understood, `SSL` is. */
const protocol = (login: string, { service, host, port, security }: Way): Markup => markup`
      <Protocol>
        <Type>${service.toUpperCase()}</Type>
        <Server>${host}</Server>
        <Port>${port}</Port>
        <LoginName>${login}</LoginName>
        <DomainRequired>off</DomainRequired>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>${security === 'tls' ? 'SSL' : 'TLS'}</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>`

/** 600: the request is no request. The time is wanted, and says nothing. */
export const notUnderstood = (): string =>
  markup`<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="${RESPONSE}">
  <Response>
    <Error Time="00:00:00.0000000" Id="0">
      <ErrorCode>600</ErrorCode>
      <Message>No address of this gateway, or not a request for Outlook's settings</Message>
    </Error>
  </Response>
</Autodiscover>
`.text

/** v2. @param url of this very place, without a path */
export const whereToAsk = (
  wanted: string | null,
  url: string,
): { status: number; answer: { Protocol: string; Url: string } | { ErrorCode: string; ErrorMessage: string } } =>
  wanted?.toLowerCase() === 'autodiscoverv1'
    ? { status: 200, answer: { Protocol: 'AutodiscoverV1', Url: `${url}/autodiscover/autodiscover.xml` } }
    : {
        status: 400,
        answer: { ErrorCode: 'InvalidProtocol', ErrorMessage: 'Only the protocol AutodiscoverV1 is supported here' },
      }

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const unescaped = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|apos|#\d{1,7}|#x[\dA-Fa-f]{1,6});/g, (all, name: string) =>
    name.startsWith('#') ? (character(name.slice(1)) ?? all) : (entities[name] ?? all),
  )

/** @param code `64` or `x40` */
const character = (code: string): string | undefined => {
  const point = Number(code.startsWith('x') ? `0${code}` : code)
  return point <= 0x10ffff ? String.fromCodePoint(point) : undefined
}

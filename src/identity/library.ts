/** OpenPGP.js as it runs in this house: with the WebCrypto of at-once.ts, which has to be there before it. */
import './at-once.ts'

export * from 'openpgp'

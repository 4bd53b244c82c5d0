/** Keys of WireGuard as values: 32 bytes as base64, as `wg` shows them. Must not: show a key in an error. */
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'

declare const keyBrand: unique symbol
/** A private, public or preshared key: 44 characters of base64. */
export type WireguardKey = string & { readonly [keyBrand]: true }

export const KEY_BYTES = 32
/** 43 characters, of which the last has two bits that are zero. */
const CANONICAL = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/
/** A PKCS #8 private key of X25519 up to its 32 bytes (RFC 8410, section 7). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** Throws RangeError for what is no key, TypeError for what is no string; neither shows the text. */
export function parseWireguardKey(text: string, name = 'key'): WireguardKey {
  if (typeof text !== 'string') throw new TypeError(`${name}: not a string, but ${typeof text}`)
  if (!CANONICAL.test(text)) throw new RangeError(`${name}: not a key: 32 bytes as base64, 44 characters`)
  return text as WireguardKey
}

/** A new private key, clamped as X25519 does it (RFC 7748, section 5). */
export function generatePrivateKey(): WireguardKey {
  const bytes = randomBytes(KEY_BYTES)
  bytes[0] = (bytes[0] ?? 0) & 0xf8
  bytes[31] = ((bytes[31] ?? 0) & 0x7f) | 0x40
  return keyFromBytes(bytes)
}

/** A new preshared key: random bytes. */
export function generatePresharedKey(): WireguardKey {
  return keyFromBytes(randomBytes(KEY_BYTES))
}

/** The public key that belongs to a private key. */
export function publicKeyOf(privateKey: WireguardKey): WireguardKey {
  const bytes = keyToBytes(parseWireguardKey(privateKey, 'privateKey'))
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, bytes]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return keyFromBytes(spki.subarray(-KEY_BYTES))
}

export function keyToBytes(key: WireguardKey): Uint8Array {
  return Buffer.from(key, 'base64')
}

export function keyFromBytes(bytes: Uint8Array): WireguardKey {
  return Buffer.from(bytes).toString('base64') as WireguardKey
}

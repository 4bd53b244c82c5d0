/** Where and with which certificates the embedded API server listens. Pure. Must not: listen. */
import type { AddressInfo } from 'node:net'

/** PEM texts. Everybody who has a certificate of `clientCa` is who its common name says. */
export interface ApiServerTls {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string
  /** What clients trust; default: `cert`, which then signed itself. */
  readonly ca?: string
}

/** For node:https; a client without a good certificate is let in all the same, and has to have a token. */
export function tlsOptions({ cert, key, clientCa }: ApiServerTls) {
  return { cert, key, requestCert: clientCa !== undefined, rejectUnauthorized: false, ca: clientCa }
}

/** As clients on the same machine reach it. */
export function urlOf(address: AddressInfo, secure: boolean): string {
  return `${secure ? 'https' : 'http'}://${urlHost(address)}:${address.port}`
}

/** An address that a client on the same machine can use: the wildcard becomes loopback, IPv6 gets its brackets. */
function urlHost({ address }: AddressInfo): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  if (address === '::') return '[::1]'
  return address.includes(':') ? `[${address}]` : address
}

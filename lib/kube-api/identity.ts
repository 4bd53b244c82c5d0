/**
 * Whose a set of credentials is, read off it without asking anybody: for the log, and to see a mistake before the API server
 * does. Must not: be taken for proof; the server decides who we are.
 */
import { X509Certificate } from 'node:crypto'
import type { RequestOptions } from 'node:https'
import { isRecord } from '../util/go-json.ts'

export interface KubeIdentity {
  /** The file that the credentials are from, or what stands for one. */
  readonly where: string
  /** `system:node:worker1`; undefined: it does not show. */
  readonly user: string | undefined
  /** Milliseconds since 1970; undefined: it does not show, or never. */
  readonly expiresAt: number | undefined
  /** The same of its beginning. */
  readonly validFrom?: number | undefined
}

const USER = /^[\w:.@-]{1,300}$/

/** Of a client certificate (its common name), else of a JSON web token (its subject), as a request would send them. Never throws. */
export function identityOf(where: string, { cert, headers }: RequestOptions): KubeIdentity {
  const [user, expiresAt, validFrom] = ofCertificate(cert) ?? ofToken(headers) ?? []
  return { where, user: USER.test(user ?? '') ? user : undefined, expiresAt, ...(validFrom && { validFrom }) }
}

/** `/etc/kubernetes/kubelet.conf (system:node:worker1)` */
export function nameIdentity({ where, user }: KubeIdentity): string {
  return user === undefined ? where : `${where} (${user})`
}

type Found = readonly [user: string | undefined, expiresAt: number | undefined, validFrom?: number] | undefined

function ofCertificate(cert: RequestOptions['cert']): Found {
  const [first] = Array.isArray(cert) ? cert : [cert]
  if (first === undefined) return undefined
  try {
    const { subject, validFrom, validTo } = new X509Certificate(first)
    return [/^CN=(.*)$/m.exec(subject)?.[1], Date.parse(validTo), Date.parse(validFrom)]
  } catch {
    return undefined
  }
}

function ofToken(headers: RequestOptions['headers']): Found {
  const sent = isRecord(headers) ? (headers.Authorization ?? headers.authorization) : undefined
  const [, claims] = /^Bearer [^.]+\.([^.]+)\.[^.]+$/.exec(String(sent)) ?? []
  if (claims === undefined) return undefined
  try {
    const read: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'))
    if (!isRecord(read) || typeof read.sub !== 'string') return undefined
    return [read.sub, typeof read.exp === 'number' ? read.exp * 1000 : undefined]
  } catch {
    return undefined
  }
}

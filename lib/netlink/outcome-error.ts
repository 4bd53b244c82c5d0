/** From how a call of the addon ended to the error that JavaScript sees. Must not: judge or retry. */

import * as abi from '../addon/abi.ts'
import type { Outcome } from '../addon/addon.ts'
import { errnoName } from '../addon/errno.ts'
import { NetlinkError, NetlinkProtocolError, NetlinkSocketError } from '../errors.ts'

export interface ErrorDetails {
  /** Names the attribute of the request that has its head at an offset. */
  readonly attribute?: (offset: number) => string | undefined
  /** What had come before the socket failed. */
  readonly partial?: unknown
}

export function errorOf(outcome: Outcome, op: string, subject: string, details: ErrorDetails = {}): Error {
  const fields = { errno: outcome.errno, errnoName: errnoName(outcome.errno) }
  switch (outcome.kind) {
    case abi.OUTCOME_REFUSED: {
      const { offset, text } = outcome
      return new NetlinkError({ op, subject, ...fields, extack: text, offset, attribute: details.attribute?.(offset) })
    }
    case abi.OUTCOME_SOCKET: {
      const isRefused = fields.errnoName === 'EPERM'
      const hint = isRefused ? `; ${missing(op)}, or CAP_SYS_ADMIN to enter a namespace, is missing` : ''
      return new NetlinkSocketError({
        op,
        ...fields,
        detail: `${subject}: ${outcome.text}${hint}`,
        partial: details.partial,
      })
    }
    default:
      return new NetlinkProtocolError(`${op} ${subject}: ${outcome.text}`)
  }
}

function missing(op: string): string {
  return op === 'address.announce' ? 'CAP_NET_RAW' : 'CAP_NET_ADMIN'
}

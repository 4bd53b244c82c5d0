/** How the fake kernel refuses: an errno with the kernel's own sentence. Must not: build errors (requests.ts does). */
import { constants } from 'node:os'

export const {
  EPERM,
  ENOENT,
  ESRCH,
  EBUSY,
  EEXIST,
  ENODEV,
  EINVAL,
  EACCES,
  EOPNOTSUPP,
  EAFNOSUPPORT,
  EADDRINUSE,
  EADDRNOTAVAIL,
  ENETDOWN,
  ENXIO,
  ENETUNREACH,
  EHOSTUNREACH,
  ENOBUFS,
  ETIMEDOUT,
  ECANCELED,
} = constants.errno

/** `errno` positive; `extack` the kernel's sentence or ''. */
export interface Refusal {
  readonly errno: number
  readonly extack: string
}

/** undefined: the kernel did it. */
export type Answer = Refusal | undefined

export function refuse(errno: number, extack = ''): Refusal {
  return { errno, extack }
}

export { errnoName } from '../../../lib/addon/errno.ts'

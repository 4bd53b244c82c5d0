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

const NAMES = new Map<number, string>()
for (const [name, errno] of Object.entries(constants.errno))
  if (!['ENOTSUP', 'EWOULDBLOCK'].includes(name)) NAMES.set(errno, name)

/** 19 → 'ENODEV'. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

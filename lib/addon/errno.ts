/** Names of the kernel's error numbers. Must not: judge them (lib/overlay/classify). */
import { constants } from 'node:os'

// What rtnetlink may answer and Node does not list (asm-generic/errno.h; the same on every architecture Node runs on).
const UNLISTED: readonly (readonly [string, number])[] = [
  ['ENOPKG', 65],
  ['ECOMM', 70],
  ['ENOTUNIQ', 76],
  ['EUSERS', 87],
  ['ESOCKTNOSUPPORT', 94],
  ['EPFNOSUPPORT', 96],
  ['ESHUTDOWN', 108],
  ['EHOSTDOWN', 112],
  ['EREMCHG', 78],
]

const NAMES = new Map<number, string>([...UNLISTED].map(([name, errno]) => [errno, name]))
for (const [name, errno] of Object.entries(constants.errno)) NAMES.set(errno, name)
// Of two names for one number, the one that netlink's documentation uses.
NAMES.set(constants.errno.EAGAIN, 'EAGAIN')
NAMES.set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP')

/** `ENODEV` for 19; `errno 4242` for a number without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

/** Every flag of `vtepd release`. Data only; docs/flags.md tells the rest (a test compares the two). */
import { TASK_FLAGS, WHERE } from '../cleanup/task-flags.ts'
import type { FlagSpec, FlagValues } from '../flag-spec.ts'

const HOW = 'How'

export const RELEASE_FLAGS = [
  { name: 'dry-run', kind: 'bool', default: false, group: HOW, help: 'list what would be done, write nothing' },
  ...TASK_FLAGS,
  {
    name: 'state-dir',
    kind: 'string',
    default: '/var/lib/vtepd',
    placeholder: 'dir',
    group: WHERE,
    help: 'tells which VNIs were here, and in which networks their direct routes lie',
  },
] as const satisfies readonly FlagSpec[]

export type ReleaseFlags = FlagValues<typeof RELEASE_FLAGS>

export const RELEASE_ABOUT = {
  name: 'vtepd release',
  summary: `Hands this node over to flannel without losing a packet: each route of vtepd (protocol 118) gets flannel's own beside it first
(metric 0, protocol boot), and goes when that one is seen to stand. Device, addresses, neighbours, FDB entries, packet filter rules
and files stay as they are, for flannel to adopt; what --vxlan-allow=known shut is open again. Nothing is written where nothing is to be done.`,
  footer: `Going back to flannel:
  systemctl stop vtepd        everything stays in the kernel
  vtepd release
  then start flannel, at once or later

It refuses while a vtepd keeps the routes. Coming back needs no command: vtepd, when it starts, takes flannel's routes over.

Example:
  vtepd release --dry-run

FLANNELD_<FLAG> sets a flag that is not given.
Exit status: 0 handed over (or nothing was there), 1 something of ours stays, 2 wrong flags.`,
} as const

/** Every flag of `vtepd cleanup`. Data only. */

import type { FlagSpec, FlagValues } from '../flag-spec.ts'
import { runDirFlag } from '../run-dir-flag.ts'
import { TASK_FLAGS, WHERE } from './task-flags.ts'

const WHAT = 'What is removed'
const HOW = 'How'

export const CLEANUP_FLAGS = [
  {
    name: 'routes',
    kind: 'bool',
    default: false,
    group: WHAT,
    help: 'only our routes (protocol 118), the one thing that flannel leaves behind when it takes over again',
  },
  { name: 'dry-run', kind: 'bool', default: false, group: HOW, help: 'list what would be removed, remove nothing' },
  {
    name: 'force',
    kind: 'bool',
    default: false,
    group: HOW,
    help: 'also while a vtepd runs here (which will write it all again)',
  },
  {
    name: 'stay',
    kind: 'bool',
    default: false,
    group: HOW,
    help: 'do not end when all is gone: wait for SIGTERM, as the container of a DaemonSet must',
  },
  ...TASK_FLAGS,
  {
    name: 'subnet-file',
    kind: 'string',
    default: '/run/flannel/subnet.env',
    placeholder: 'file',
    group: WHERE,
    help: 'what the flannel CNI plugin reads',
  },
  runDirFlag(WHERE, 'files of the running agent'),
  {
    name: 'state-dir',
    kind: 'string',
    default: '/var/lib/vtepd',
    placeholder: 'dir',
    group: WHERE,
    help: 'what outlives a reboot; tells which VNIs were here, and in which networks their direct routes lie',
  },
  {
    name: 'cni-conf-dir',
    kind: 'string',
    default: '',
    placeholder: 'dir',
    group: WHAT,
    help: 'also the conflist in this folder, if it is one that vtepd writes; until there is another one no pod starts',
  },
  {
    name: 'cni-conf-name',
    kind: 'string',
    default: '10-flannel.conflist',
    placeholder: 'name',
    group: WHAT,
    help: 'its file',
  },
] as const satisfies readonly FlagSpec[]

export type CleanupFlags = FlagValues<typeof CLEANUP_FLAGS>

export const CLEANUP_ABOUT = {
  name: 'vtepd cleanup',
  summary: `Removes what vtepd left in this network namespace and on disk: routes of protocol 118, the devices flannel.VNI and
flannel-v6.VNI with their addresses, neighbours and FDB entries, the packet filter rules, subnet.env, and the files of --run-dir and --state-dir. Afterwards it looks again, and says what stays and why: what could
not be removed, what a running vtepd keeps, a direct route of which nothing tells whether it is another VNI's.
Node annotations stay: the next agent on this node overwrites them.`,
  footer: `Going back to flannel: stop vtepd, vtepd release, start flannel. Where it was started without that:
  vtepd cleanup --routes

Examples:
  vtepd cleanup --dry-run            what is there
  vtepd cleanup                      everything
  vtepd cleanup --vni 4096 --json

FLANNELD_<FLAG> sets a flag that is not given.
Exit status: 0 removed (or nothing was there), 1 something of ours stays, 2 wrong flags.`,
} as const

/** Every flag of `vtepd cni`. Data only. */
import type { FlagSpec, FlagValues } from '../flag-spec.ts'

const WHAT = 'What is installed'
const WHERE = 'Where'
const HOW = 'How'

export const CNI_FLAGS = [
  {
    name: 'cni',
    kind: 'string',
    default: '',
    placeholder: 'flannel|k3s|bridge',
    group: WHAT,
    help: "flannel's conflist, k3s' form of it, or one that needs no flannel plugin; without it: k3s' on a k3s host, else flannel's",
  },
  {
    name: 'link-from',
    kind: 'string',
    default: '',
    placeholder: 'dir',
    group: WHAT,
    help: "plugins that are missing are linked from here, as /usr/lib/cni; without it: k3s' own on a k3s host",
  },
  {
    name: 'copy-from',
    kind: 'string',
    default: '',
    placeholder: 'dir',
    group: WHAT,
    help: 'plugins that are missing are copied from here, as from an image into the folder of its host',
  },
  {
    name: 'plugins-only',
    kind: 'bool',
    default: false,
    group: WHAT,
    help: 'no conflist: vtepd run --cni keeps it, or somebody else does',
  },
  {
    name: 'paths',
    kind: 'string',
    default: 'auto',
    placeholder: 'auto|kubernetes|k3s',
    group: WHERE,
    help: 'what kind of host this is',
  },
  {
    name: 'cni-conf-dir',
    kind: 'string',
    default: '',
    placeholder: 'dir',
    group: WHERE,
    help: "where the container runtime looks for conflists; without it: containerd's setting, else /etc/cni/net.d",
  },
  {
    name: 'cni-conf-name',
    kind: 'string',
    default: '10-flannel.conflist',
    placeholder: 'name',
    group: WHERE,
    help: 'the file in it',
  },
  {
    name: 'bin-dir',
    kind: 'string',
    default: '',
    placeholder: 'dir',
    group: WHERE,
    help: "where the container runtime looks for plugins; without it: containerd's setting, else /opt/cni/bin",
  },
  {
    name: 'subnet-file',
    kind: 'string',
    default: '/run/flannel/subnet.env',
    placeholder: 'file',
    group: WHERE,
    help: 'what --cni=bridge is made of',
  },
  { name: 'dry-run', kind: 'bool', default: false, group: HOW, help: 'say what would be written, write nothing' },
  { name: 'json', kind: 'bool', default: false, group: HOW, help: 'one JSON object on stdout' },
] as const satisfies readonly FlagSpec[]

export type CniFlags = FlagValues<typeof CNI_FLAGS>

export const CNI_ABOUT = {
  name: 'vtepd cni',
  words: 'install|check',
  summary: `install: puts the CNI configuration where the container runtime looks for it, links plugins that are missing from where
they are, and looks whether all are there. It may be called again at any time.
check: the same look, and nothing is written.
vtepd run --cni keeps the configuration in place, where this puts it once.`,
  footer: `Examples:
  vtepd cni check
  vtepd cni install --cni=bridge --link-from /usr/lib/cni
  vtepd cni install --paths=k3s --json

FLANNELD_<FLAG> sets a flag that is not given.
Exit status: 0 all is in place, 1 something is missing (check: or would be written), 2 wrong flags.`,
} as const

/** Every flag of `vtepd sysctls`. Data only; docs/flags.md tells the rest (a test compares the two). */
import type { FlagSpec } from './flag-spec.ts'
import { logFlags } from './log-flags.ts'

export const SYSCTLS_FLAGS = [
  {
    name: 'net-config-path',
    kind: 'string',
    default: '/etc/kube-flannel/net-conf.json',
    placeholder: 'file',
    group: 'What is set',
    help: 'says which families there are',
  },
  { name: 'json', kind: 'bool', default: false, group: 'How it is told', help: 'one JSON object on stdout' },
  ...logFlags('Logs'),
] as const satisfies readonly FlagSpec[]

export const SYSCTLS_ABOUT = {
  name: 'vtepd sysctls',
  summary: `Sets the sysctls of this host that pods need, where they are off, and ends: what vtepd run does all the time where it may
write /proc/sys. For an init container that may, before an agent that may not.`,
  footer: `Example:
  vtepd sysctls --net-config-path /etc/kube-flannel/net-conf.json

FLANNELD_<FLAG> sets a flag that is not given.
Exit status: 0 packets of pods are forwarded, 1 they are not and it could not be set, 2 wrong flags or net-conf.`,
} as const

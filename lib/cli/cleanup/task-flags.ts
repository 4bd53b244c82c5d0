/** The flags by which both `vtepd cleanup` and `vtepd release` know what they are about. Data only. */
import type { FlagSpec } from '../flag-spec.ts'

export const WHERE = 'Where it is looked for'

export const TASK_FLAGS = [
  { name: 'json', kind: 'bool', default: false, group: 'How', help: 'one JSON object on stdout' },
  {
    name: 'vni',
    kind: 'string',
    default: '',
    placeholder: 'number',
    group: WHERE,
    help: "only this one; without it: net-conf's, all that the state folder or routes of ours tell of, or else 1",
  },
  {
    name: 'net-config-path',
    kind: 'string',
    default: '/etc/kube-flannel/net-conf.json',
    placeholder: 'file',
    group: WHERE,
    help: 'read for VNI and network, if it is there',
  },
] as const satisfies readonly FlagSpec[]

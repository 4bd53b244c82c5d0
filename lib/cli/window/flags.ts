/** What `vtepd status`, `peers`, `diff` and `events` have in common: which agent is asked, and how the answer looks. Data only. */
import type { FlagSpec, FlagValues } from '../flag-spec.ts'
import { runDirFlag } from '../run-dir-flag.ts'

export const WHICH = 'Which agent is asked'
export const HOW = 'How it is shown'

export const WINDOW_FLAGS = [
  { name: 'json', kind: 'bool', default: false, group: HOW, help: 'JSON on stdout' },
  runDirFlag(WHICH, "the folder of the agent's socket, as given to vtepd run"),
  {
    name: 'device',
    kind: 'string',
    default: '',
    placeholder: 'name',
    group: WHICH,
    help: 'where several agents run on this host: flannel.1, flannel.4096, …',
  },
] as const satisfies readonly FlagSpec[]

export type WindowFlags = FlagValues<typeof WINDOW_FLAGS>

export const WINDOW_FOOTER = `The agent is asked through a socket that belongs to root. In a pod:
  kubectl -n kube-system exec POD -- vtepd status`

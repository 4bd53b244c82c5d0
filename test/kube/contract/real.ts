/** The real kube-apiserver and etcd as a ContractServer. */
import type { KubePrograms } from '../programs.ts'
import { startRealKube } from '../real-kube.ts'
import { KUBE_USERS } from '../users.ts'
import type { ContractServer, ServerOptions } from './servers.ts'

interface Folder {
  readonly folder: string
}

export async function startReal(
  programs: KubePrograms,
  { watchList = true, flags = [] }: ServerOptions,
): Promise<ContractServer> {
  const kube = await startRealKube(programs, [...flags, ...(watchList ? [] : ['--feature-gates', 'WatchList=false'])])
  return {
    kind: 'real',
    url: kube.url,
    caFile: kube.caFile,
    token: (user) => kube.token(user),
    kubeconfig: (user) => kube.kubeconfig(user),
    issue: (user, file) => void kube.authority.issue(KUBE_USERS.find(({ key }) => key === user)?.name ?? user, file),
    stop: () => kube.stopApiServer(),
    start: () => kube.startApiServer(),
    setToken: (user, token) => kube.setToken(user, token),
    renewAuthority: () => kube.renewAuthority(),
    compact: () => kube.compact(),
    backup: async (): Promise<Folder> => ({ folder: await kube.backup() }),
    restore: (backup) => kube.restore((backup as Folder).folder),
    empty: () => kube.empty(),
    close: () => kube.close(),
  }
}

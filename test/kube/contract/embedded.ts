/** The embedded API server as a ContractServer: HTTPS, the same users and certificates. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ApiUser } from '../../../lib/lab/api-server/access.ts'
import { type Backup as StoreBackup, startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import type { ApiServerTls } from '../../../lib/lab/api-server/listening.ts'

import { type Authority, createAuthority, pem } from '../certificates.ts'
import type { KubeUser } from '../real-kube.ts'
import { KUBE_USERS, ROLES, tokenOf } from '../users.ts'
import type { ContractServer, ServerOptions } from './servers.ts'

export async function startEmbedded({ watchList = true }: ServerOptions): Promise<ContractServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-embedded-kube-'))
  let authority = createAuthority(folder)
  const caFile = authority.ca
  const tokens = new Map<KubeUser, string>()
  const token = (user: KubeUser): string => tokens.get(user) ?? tokenOf(user)
  const users = (): ApiUser[] =>
    KUBE_USERS.map(({ key, name }) => ({
      name,
      token: token(key),
      rules: ROLES[key],
      ...(key === 'kubelet' ? { kubeletOf: 'me' } : {}),
    }))
  const api = await startApiServer({ users: users(), tls: tlsOf(authority), watchList, claims: true })
  const nothing = api.backup()
  return {
    kind: 'embedded',
    url: api.url,
    caFile,
    token,
    kubeconfig: (user) => api.kubeconfig().replace(token('admin'), token(user)),
    issue: (user, file) => void authority.issue(KUBE_USERS.find(({ key }) => key === user)?.name ?? user, file),
    stop: () => api.stop(),
    start: () => api.start({ users: users(), tls: tlsOf(authority) }),
    setToken: (user, value) => void tokens.set(user, value),
    renewAuthority() {
      authority = createAuthority(folder)
    },
    compact: async () => api.compactEtcd(),
    backup: async () => api.backup(),
    restore: async (backup) => api.restore(backup as StoreBackup),
    empty: async () => api.restore(nothing),
    async close() {
      await api.close()
      rmSync(folder, { recursive: true })
    },
  }
}

function tlsOf({ serving, ca }: Authority): ApiServerTls {
  return { cert: pem(serving.cert), key: pem(serving.key), ca: pem(ca), clientCa: pem(ca) }
}

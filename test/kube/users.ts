/** Who asks in the tests of the API server, and what each may. The same on both servers. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { RbacRule } from '../../lib/lab/api-server/access.ts'

/** admin: everything. vtepd: the rights that the manifest gives. kubelet: those of node `me`'s kubelet. nobody: none. */
export type KubeUser = 'admin' | 'vtepd' | 'kubelet' | 'nobody'

export interface KubeIdentity {
  readonly key: KubeUser
  readonly name: string
  readonly groups: readonly string[]
}

export const KUBE_USERS: readonly KubeIdentity[] = [
  { key: 'admin', name: 'admin', groups: ['system:masters'] },
  { key: 'vtepd', name: 'vtepd', groups: [] },
  { key: 'kubelet', name: 'system:node:me', groups: ['system:nodes'] },
  { key: 'nobody', name: 'nobody', groups: [] },
]

export const ROLES: Readonly<Record<KubeUser, readonly RbacRule[]>> = {
  admin: [{ resources: ['*'], verbs: ['*'] }],
  vtepd: rulesOfManifest(),
  kubelet: [],
  nobody: [],
}

/** Of the ClusterRole that deploy/rbac-daemonset.yaml gives vtepd: what the tests have is what users have. */
function rulesOfManifest(): readonly RbacRule[] {
  const file = path.join(import.meta.dirname, '..', '..', 'deploy', 'rbac-daemonset.yaml')
  for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
    const { kind, rules } = document.toJS() as { kind: string; rules: RbacRule[] }
    if (kind === 'ClusterRole') return rules.map(({ resources, verbs }) => ({ resources, verbs }))
  }
  throw new Error(`${file} has no ClusterRole`)
}

/** The bearer token that a user has at first. */
export function tokenOf(user: KubeUser): string {
  return `${user}-token`
}

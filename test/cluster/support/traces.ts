/** What an overlay agent leaves behind: in kernels, on disks, in the API. Owns where to look. Must not: judge, nor remove anything. */
import type { Cluster } from './cluster.ts'
import { type ClusterNode, CNI_INSIDE } from './node.ts'

/** Of the API, where anything of the chart would be. */
const KINDS = [
  '/api/v1/configmaps',
  '/api/v1/pods',
  '/api/v1/secrets',
  '/api/v1/serviceaccounts',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  '/apis/apps/v1/controllerrevisions',
  '/apis/apps/v1/daemonsets',
  '/apis/apps/v1/deployments',
  '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/rbac.authorization.k8s.io/v1/rolebindings',
  '/apis/rbac.authorization.k8s.io/v1/roles',
]
/** What each of these prints is a trace, or the lines of it that match. */
const ON_A_NODE: readonly (readonly [words: readonly string[], trace: RegExp])[] = [
  [['ip', '-br', 'link', 'show', 'type', 'vxlan'], /./],
  [['ip', '-4', 'route', 'show', 'table', 'all'], /proto 118| flannel/],
  [['ip', '-6', 'route', 'show', 'table', 'all'], /proto 118| flannel/],
  [['nft', 'list', 'ruleset'], /flannel|vtepd/i],
  [['iptables-legacy-save'], /flannel|vtepd/i],
  [['ip6tables-legacy-save'], /flannel|vtepd/i],
  [['find', '/run/flannel', CNI_INSIDE.conf, '-type', 'f'], /./],
  [['find', '/var/lib', '-maxdepth', '1'], /vtepd/],
]

/** One line each. Plugins that were copied stay, as other CNI configurations may count on them, and so do a Node's annotations. */
export async function tracesOf(cluster: Cluster): Promise<string[]> {
  const ofNodes = await Promise.all(cluster.nodes.map(tracesOn))
  const ofKinds = await Promise.all(
    KINDS.map(async (at) => {
      const { items } = await cluster.plane.ask<{ items: { metadata: { name: string } }[] }>('GET', at)
      return items.map(({ metadata }) => `${at}: ${metadata.name}`).filter((line) => /vtepd|overlayclaim/.test(line))
    }),
  )
  return [...ofNodes, ...ofKinds].flat()
}

async function tracesOn({ name, machine }: ClusterNode): Promise<string[]> {
  const found = await Promise.all(
    ON_A_NODE.map(async ([words, trace]) =>
      (await machine.run(...words)).split('\n').filter((line) => trace.test(line)),
    ),
  )
  return found.flat().map((line) => `${name}: ${line}`)
}

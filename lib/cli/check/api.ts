/** Whether the API server is reached and what the account may do, by the questions that an agent asks. Must not: write anything. */
import type { KubeLeasesConfig } from '../../agent/config.ts'
import { KubeError } from '../../errors.ts'
import { systemClock } from '../../host/clock.ts'
import type { KubeTarget } from '../../kube-api/kube-http.ts'
import { messageOf } from '../../util/message-of.ts'
import { type Finding, fine, prevents, warns } from './finding.ts'

export async function checkApi(leases: KubeLeasesConfig): Promise<readonly Finding[]> {
  const { openKubeTarget } = await import('../../kube-api/kube-config.ts')
  const files = [leases.kubeconfigFile, ...(leases.readers ?? [])]
  const findings: Finding[] = []
  for (const kubeconfigFile of files) {
    let target: KubeTarget
    try {
      target = await openKubeTarget({ kubeconfigFile, apiUrl: leases.apiUrl, env: process.env })
    } catch (error) {
      if (!(error instanceof KubeError)) throw error
      findings.push(prevents('API server', messageOf(error), 'give a kubeconfig with --kubeconfig-file'))
      continue
    }
    try {
      const found = [...checkExpiry(target), ...(await ask(target, leases))]
      if (found.every(({ verdict }) => verdict !== 'prevents')) return found
      findings.push(...found)
    } finally {
      target.close()
    }
  }
  return findings
}

async function ask(target: KubeTarget, leases: KubeLeasesConfig): Promise<readonly Finding[]> {
  const about = 'API server'
  const who = `as ${target.identity.user ?? 'an unnamed account'} of ${target.identity.where}`
  try {
    const began = Date.now()
    await get(target, '/api/v1/nodes?limit=1', 'list nodes')
    const rows = [fine(about, `${target.url.origin} lets Nodes be listed, ${who}, in ${Date.now() - began} ms`)]
    if ('name' in leases.node) rows.push(await askOwn(target, leases.node.name))
    return rows
  } catch (error) {
    if (!(error instanceof KubeError)) throw error
    const remedy =
      error.status === 403
        ? 'give the account get, list and watch of nodes (deploy/rbac-host.yaml, deploy/rbac-daemonset.yaml)'
        : 'look at the address and at what is between (--kube-api-url, HTTPS_PROXY), and at the clock'
    return [prevents(about, `${messageOf(error)} (${who})`, remedy)]
  }
}

async function askOwn(target: KubeTarget, name: string): Promise<Finding> {
  const about = 'Node'
  try {
    const body = await get(target, `/api/v1/nodes/${encodeURIComponent(name)}`, 'read our Node')
    const { spec } = JSON.parse(body) as { spec?: { podCIDR?: string; podCIDRs?: readonly string[] } }
    const cidrs = spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR])
    return cidrs.length > 0
      ? fine(about, `${name} has ${cidrs.join(', ')}`)
      : warns(
          about,
          `${name} has no podCIDR yet`,
          'kube-controller-manager gives it with --allocate-node-cidrs and --cluster-cidr',
        )
  } catch (error) {
    if (!(error instanceof KubeError)) throw error
    return error.status === 404
      ? prevents(
          about,
          `there is no Node ${name}`,
          'set NODE_NAME to the name that kubectl get nodes shows for this machine',
        )
      : warns(about, messageOf(error), 'the account needs get of nodes')
  }
}

async function get(target: KubeTarget, path: string, what: string): Promise<string> {
  const { fetchAnswer } = await import('../../kube-api/kube-http.ts')
  const request = { method: 'GET', path, accept: 'application/json', what } as const
  const { body } = await fetchAnswer({ target, request, clock: systemClock, signal: new AbortController().signal })
  return body.toString('utf8')
}

/** A clock that is wrong looks the same. */
function checkExpiry({ identity }: KubeTarget): readonly Finding[] {
  const { expiresAt, where } = identity
  if (expiresAt === undefined || expiresAt > Date.now()) return []
  const when = new Date(expiresAt).toISOString()
  return [
    prevents(
      'API server',
      `the credential of ${where} ended ${when}`,
      'renew it; or this host’s clock is wrong: date -u',
    ),
  ]
}

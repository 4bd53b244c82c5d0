/** Whether the API server is reached and what the account may do, by the questions that an agent asks. Must not: write anything. */
import type { KubeLeasesConfig } from '../../agent/config.ts'
import { KubeError } from '../../errors.ts'
import { systemClock } from '../../host/clock.ts'
import type { KubeRequest, KubeTarget } from '../../kube-api/kube-http.ts'
import { type Cidr, parseCidr } from '../../net/cidr.ts'
import { duration } from '../../util/duration.ts'
import { messageOf } from '../../util/message-of.ts'
import { type Finding, fine, prevents, warns } from './finding.ts'

export interface ApiFindings {
  readonly findings: readonly Finding[]
  /** Of our own Node, as far as it could be read. */
  readonly podCidrs: readonly Cidr[]
}

export async function checkApi(leases: KubeLeasesConfig): Promise<ApiFindings> {
  const { openKubeTarget } = await import('../../kube-api/kube-config.ts')
  const files = [leases.kubeconfigFile, ...(leases.readers ?? [])]
  const findings: Finding[] = []
  const podCidrs: Cidr[] = []
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
      const found = [...checkValidity(target), ...(await ask(target, leases, podCidrs))]
      if (found.every(({ verdict }) => verdict !== 'prevents')) return { findings: found, podCidrs }
      findings.push(...found)
    } finally {
      target.close()
    }
  }
  return { findings, podCidrs }
}

async function ask(target: KubeTarget, leases: KubeLeasesConfig, podCidrs: Cidr[]): Promise<readonly Finding[]> {
  const about = 'API server'
  const who = `as ${target.identity.user ?? 'an unnamed account'} of ${target.identity.where}`
  try {
    const began = Date.now()
    const { date } = await get(target, '/api/v1/nodes?limit=1', 'list nodes')
    const ended = Date.now()
    const rows = [
      fine(about, `${target.url.origin} lets Nodes be listed, ${who}, in ${ended - began} ms`),
      ...checkClock(date, began, ended),
      ...(await askRights(target)),
    ]
    if ('name' in leases.node) rows.push(await askOwn(target, leases.node.name, podCidrs))
    return rows
  } catch (error) {
    if (!(error instanceof KubeError)) throw error
    const remedy =
      error.status === 403
        ? 'give the account get, list and watch of nodes (deploy/rbac-host.yaml, deploy/rbac-daemonset.yaml)'
        : error.status === 401
          ? 'its token or certificate is not valid, or not any more: renew it, and compare the clocks (date -u)'
          : /not yet valid|has expired|CERT_/.test(error.message)
            ? "this host's clock is wrong (date -u; timedatectl set-ntp true), or the server's certificate is not valid: renew it (kubeadm certs check-expiration)"
            : 'look at the address and at what is between (--kube-api-url, HTTPS_PROXY), and at the clock'
    return [prevents(about, `${messageOf(error)} (${who})`, remedy)]
  }
}

async function askOwn(target: KubeTarget, name: string, podCidrs: Cidr[]): Promise<Finding> {
  const about = 'Node'
  try {
    const { body } = await get(target, `/api/v1/nodes/${encodeURIComponent(name)}`, 'read our Node')
    const { spec } = JSON.parse(body) as { spec?: { podCIDR?: string; podCIDRs?: readonly string[] } }
    const cidrs = spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR])
    podCidrs.push(...cidrs.flatMap((text) => readCidr(text) ?? []))
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

function readCidr(text: string): Cidr | undefined {
  try {
    return parseCidr(text)
  } catch {
    return undefined
  }
}

/** Beyond it, certificates and tokens of this hour may not be valid for one of the two. */
const MOST_SKEW_MS = 60_000

/** By what the answer says when it was made. */
function checkClock(date: string | undefined, began: number, ended: number): readonly Finding[] {
  const about = 'clock'
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return []
  const skew = theirs - (began + ended) / 2
  if (Math.abs(skew) <= MOST_SKEW_MS) return [fine(about, "agrees with the API server's within a minute")]
  const amount = duration(Math.abs(skew))
  return [
    warns(
      about,
      `this host's clock is ${amount} ${skew > 0 ? 'behind' : 'ahead of'} the API server's: certificates and tokens may not be valid for one of them`,
      'date -u on both; then timedatectl set-ntp true on the one that is wrong',
    ),
  ]
}

/** Of the account that reads; who writes our own Node may be another one. */
async function askRights(target: KubeTarget): Promise<readonly Finding[]> {
  const missing: string[] = []
  for (const verb of ['get', 'list', 'watch']) {
    const allowed = await mayI(target, verb)
    if (allowed === undefined) return []
    if (!allowed) missing.push(verb)
  }
  if (missing.length === 0) return [fine('API rights', 'get, list and watch of nodes')]
  return [
    prevents(
      'API rights',
      `the account may not ${missing.join(', ')} nodes`,
      'apply deploy/rbac-host.yaml or deploy/rbac-daemonset.yaml',
    ),
  ]
}

/** undefined: the server does not say. */
async function mayI(target: KubeTarget, verb: string): Promise<boolean | undefined> {
  const review = { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1' }
  const text = JSON.stringify({ ...review, spec: { resourceAttributes: { verb, resource: 'nodes' } } })
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const request = { method: 'POST', path, body: { type: 'application/json', text }, what: 'ask for rights' } as const
  try {
    const { body } = await send(target, request)
    return (JSON.parse(body) as { status?: { allowed?: boolean } }).status?.allowed
  } catch (error) {
    if (error instanceof KubeError) return undefined
    throw error
  }
}

function get(target: KubeTarget, path: string, what: string) {
  return send(target, { method: 'GET', path, accept: 'application/json', what })
}

async function send(target: KubeTarget, request: KubeRequest) {
  const { fetchAnswer } = await import('../../kube-api/kube-http.ts')
  const answer = await fetchAnswer({ target, request, clock: systemClock, signal: new AbortController().signal })
  return { body: answer.body.toString('utf8'), date: answer.date }
}

/** A clock that is wrong looks the same. */
function checkValidity({ identity }: KubeTarget): readonly Finding[] {
  const { expiresAt, validFrom, where } = identity
  if (validFrom !== undefined && validFrom > Date.now())
    return [
      prevents(
        'clock',
        `the credential of ${where} is valid only from ${new Date(validFrom).toISOString()}: this host's clock is behind`,
        'date -u; timedatectl set-ntp true',
      ),
    ]
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

/**
 * Faults of what an agent is given to reach the API server with: rights, tokens, clocks. Each stands before a server, or a door to the
 * cluster's, of its own. Data only.
 */
import { writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { type ApiServer, startApiServer } from '../../../../lib/lab/api-server/api-server.ts'
import { type FaultCluster, nodeObject } from './cluster.ts'
import type { Fault } from './fault.ts'

const READS = [{ resources: ['nodes'], verbs: ['get', 'list', 'watch'] }]

/** A kubeconfig of its own beside the agent's. */
function kubeconfig({ node1 }: FaultCluster): string {
  return path.join(node1.folder.path, 'other-kubeconfig')
}

const check = (cluster: FaultCluster): readonly string[] => [
  'check',
  ...cluster.node1.folder.flags.filter((flag) => !flag.startsWith('--log')),
  `--kubeconfig-file=${kubeconfig(cluster)}`,
  '--firewall=none',
  '--iface=mgmt0',
]

let server: ApiServer | undefined
let door: Server | undefined
let aheadMs = 0

async function serve(cluster: FaultCluster, token: string, rules: typeof READS): Promise<void> {
  server = await startApiServer({ host: `${cluster.prefix}.1`, users: [{ name: 'vtepd', token, rules }] })
  server.nodes.create(nodeObject('node1', 1, cluster.node1.underlay))
  writeFileSync(kubeconfig(cluster), server.kubeconfig())
}

const closed = async (): Promise<void> => {
  await server?.close()
  server = undefined
}

export const API: readonly Fault[] = [
  {
    name: 'a token without a right',
    cuts: false,
    seed: (cluster) => serve(cluster, 'weak', []),
    command: check,
    says: /PREVENTS +API server .*403/,
    remedy: /→ give the account get, list and watch of nodes \(deploy\/rbac-host\.yaml/,
    async mend() {
      await server?.stop()
      await server?.start({ users: [{ name: 'vtepd', token: 'weak', rules: READS }] })
    },
    well: closed,
  },
  {
    name: 'a token that has expired',
    cuts: false,
    seed: (cluster) => serve(cluster, tokenUntil(-3600), READS),
    command: check,
    says: /PREVENTS +API server .*the credential of .* ended \d{4}-/,
    remedy: /→ renew it; or this host’s clock is wrong/,
    async mend(cluster) {
      await closed()
      await serve(cluster, tokenUntil(3600), READS)
    },
    well: closed,
  },
  {
    name: 'a clock that is wrong',
    cuts: false,
    async seed(cluster) {
      aheadMs = 3 * 3_600_000
      door = await openDoor(cluster)
      const { port } = door.address() as AddressInfo
      writeFileSync(kubeconfig(cluster), cluster.server.kubeconfig(`http://${cluster.prefix}.1:${port}`))
    },
    command: check,
    says: /warning +clock +this host's clock is 3 h behind the API server's/,
    remedy: /→ date -u on both; then timedatectl set-ntp true/,
    async mend() {
      aheadMs = 0
    },
    async well() {
      door?.closeAllConnections()
      await new Promise((resolve) => door?.close(resolve))
    },
  },
]

/** `seconds`: from now. */
function tokenUntil(seconds: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + seconds
  return `${part({ alg: 'none' })}.${part({ sub: 'system:serviceaccount:kube-system:vtepd', exp })}.x`
}

/** The cluster's server, by another clock. */
async function openDoor({ server: real, prefix }: FaultCluster): Promise<Server> {
  const opened = createServer((question, answer) => {
    const { method, url, headers } = question
    const passed = request(new URL(url ?? '/', real.url), { method, headers }, (response) => {
      const date = new Date(Date.now() + aheadMs).toUTCString()
      answer.writeHead(response.statusCode ?? 500, { ...response.headers, date })
      response.pipe(answer)
    })
    passed.on('error', () => answer.destroy())
    question.pipe(passed)
  })
  await new Promise<void>((resolve) => opened.listen(0, `${prefix}.1`, resolve))
  return opened
}

/**
 * The API server of the suite `leases`: a real kube-apiserver on a real etcd where they are built, else the embedded one in
 * a process of its own; with N Nodes in it. Must not: measure anything but its own CPU.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { readProcessUsage } from '../../lib/lab/process-usage.ts'
import { defaultProgramsFolder, missingProgram, programPaths } from '../../lib/lab/real-kube/programs.ts'
import { prepareRealServer } from '../../lib/lab/real-kube/server.ts'
import { manifest } from '../../test/kube/contract/claims-client.ts'
import { nodeObject } from '../../test/kube/node-objects.ts'
import type { Scope } from '../../test/support/netns.ts'
import { nodeName } from '../world/cluster.ts'
import { API_HOST } from '../world/fabric.ts'
import { startBenchMirror } from '../world/mirror-process.ts'
import { type ApiClient, createApiClient, eachOf } from './client.ts'

export interface LeaseServer {
  readonly kind: 'real' | 'embedded'
  readonly host: string
  readonly port: number
  readonly secure: boolean
  readonly client: ApiClient
  /** A file that reaches it, or `port` of the same host in its place. */
  kubeconfigFile(port?: number): string
  /** User and system time of the server's process since its start, milliseconds; etcd is not counted. */
  cpuMs(): number
}

const NODES = '/api/v1/nodes'
const TOKEN = 'bench-token'
const PATIENCE_MS = 180_000

/** What is not built, to be told; undefined: the real one can be started. */
export function missingRealKube(): string | undefined {
  return missingProgram(programPaths(defaultProgramsFolder()))
}

/** Serves on the fabric's address with Nodes 1 to `size`, of 10 KB each; the first has no annotations yet. */
export async function startRealLeaseServer(scope: Scope, folder: string, size: number): Promise<LeaseServer> {
  const server = await prepareRealServer({
    programs: programPaths(defaultProgramsFolder()),
    folder: path.join(folder, `real-${size}`),
    host: API_HOST,
    accounts: [{ name: 'bench', token: TOKEN, groups: ['system:masters'] }],
  })
  scope.after(() => server.stop())
  server.startEtcd()
  await server.startApiServer()
  const pid = childNamed('kube-apiserver')
  const client = createApiClient(server.url, { caFile: server.caFile, token: TOKEN })
  scope.after(() => client.close())
  const made = await serverOf('real', server.url, client, pid, folder, {
    caFile: server.caFile,
    token: TOKEN,
  })
  await eachOf(size, (index) => createNode(made, index + 1, index > 0))
  return made
}

/** The same without TLS, with small Nodes, and with the memory of both kept apart. */
export async function startEmbeddedLeaseServer(scope: Scope, folder: string, size: number): Promise<LeaseServer> {
  const program = path.join(import.meta.dirname, 'embedded-child.ts')
  const words = ['--max-old-space-size=8192', '--import', 'tsx', program, API_HOST, String(size)]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  scope.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the embedded API server did not start in time')), PATIENCE_MS)
    createInterface({ input: child.stdout }).once('line', (line) => {
      clearTimeout(timer)
      resolve(line)
    })
    child.once('close', () => reject(new Error('the embedded API server ended')))
  })
  const client = createApiClient(url, {})
  scope.after(() => client.close())
  return await serverOf('embedded', url, client, child.pid ?? 0, folder, {})
}

/** As a kubelet registers it, with its podCIDR; `annotated`: as its overlay agent leaves it. */
export async function createNode(server: LeaseServer, index: number, annotated: boolean): Promise<void> {
  const object = nodeObject(nodeName(index), index, { annotations: annotated }) as { metadata: object }
  // k3s has a finalizer on them, which nobody here would take away.
  const whole = { ...object, metadata: { ...object.metadata, finalizers: [] } }
  await must(server.client.ask('POST', NODES, whole), `create ${nodeName(index)}`)
}

/** What an overlay agent publishes; resolves when the server has accepted it. */
export async function annotateNode(server: LeaseServer, index: number): Promise<void> {
  const { metadata } = nodeObject(nodeName(index), index) as { metadata: { annotations: object } }
  await patchStatus(server, index, { metadata: { annotations: metadata.annotations } })
}

/** One heartbeat of a kubelet. */
export function beat(server: LeaseServer, index: number): Promise<void> {
  const lastHeartbeatTime = `${new Date().toISOString().slice(0, -5)}Z`
  return patchStatus(server, index, { status: { conditions: [{ type: 'Ready', lastHeartbeatTime }] } })
}

export async function deleteNode(server: LeaseServer, index: number): Promise<void> {
  await must(server.client.ask('DELETE', `${NODES}/${nodeName(index)}`), `delete ${nodeName(index)}`)
}

const CLAIMS = '/apis/vtepd.dev/v1/overlayclaims'

/** The garbage collector of a controller manager, which does not run here; nothing where it has done so. */
export async function deleteClaim(server: LeaseServer, index: number): Promise<void> {
  await server.client.ask('DELETE', `${CLAIMS}/${nodeName(index)}`)
}

/** A mirror beside the server, which has written a claim for every Node when this resolves. */
export async function startMirror(scope: Scope, server: LeaseServer): Promise<void> {
  const resource = manifest().find(({ kind }) => kind === 'CustomResourceDefinition')
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  if (server.kind === 'real') await must(server.client.ask('POST', definitions, resource), 'install claims')
  while ((await server.client.ask('GET', CLAIMS)) !== 200) await wait(50)
  await startBenchMirror(scope, server.kubeconfigFile(), (at) => server.client.read(at))
}

async function patchStatus(server: LeaseServer, index: number, patch: object): Promise<void> {
  const type = 'application/strategic-merge-patch+json'
  const asked = server.client.ask('PATCH', `${NODES}/${nodeName(index)}/status`, patch, type)
  await must(asked, `patch ${nodeName(index)}`)
}

async function must(asked: Promise<number>, what: string): Promise<void> {
  const status = await asked
  if (status >= 300) throw new Error(`${what}: the API server answered ${status}`)
}

async function serverOf(
  kind: LeaseServer['kind'],
  url: string,
  client: ApiClient,
  pid: number,
  folder: string,
  access: { readonly caFile?: string; readonly token?: string },
): Promise<LeaseServer> {
  const { protocol, hostname, port } = new URL(url)
  const ca = access.caFile === undefined ? undefined : readFileSync(access.caFile).toString('base64')
  return {
    kind,
    host: hostname,
    port: Number(port),
    secure: protocol === 'https:',
    client,
    kubeconfigFile(at = Number(port)) {
      const file = path.join(folder, `kubeconfig-${kind}-${at}`)
      writeFileSync(file, renderKubeconfig(`${protocol}//${hostname}:${at}`, ca, access.token))
      return file
    },
    cpuMs: () => readProcessUsage(pid)?.cpuMs ?? Number.NaN,
  }
}

function renderKubeconfig(server: string, ca: string | undefined, token: string | undefined): string {
  const cluster = { server, ...(ca === undefined ? {} : { 'certificate-authority-data': ca }) }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: token === undefined ? {} : { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  })
}

/** The process that this one started last under such a name; throws when there is none. */
function childNamed(name: string): number {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  const found = pids.filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      return parent === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`/${name}`)
    } catch {
      return false
    }
  })
  const pid = found.sort((a, b) => a - b).at(-1)
  if (pid === undefined) throw new Error(`${name} does not run`)
  return pid
}

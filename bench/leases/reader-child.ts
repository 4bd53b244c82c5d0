/**
 * One process that reads all Nodes once, and says what that took as one JSON object: KUBECONFIG and how as arguments.
 * `vtepd` is the lease source until its view is synced; `protobuf`, `json` and `metadata` read the same stream in that
 * encoding through node:http or node:https and throw it away: the limit. Must not: count the start of the process or the
 * reading of credentials, or use vtepd's own streams for the limit.
 */
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { performance } from 'node:perf_hooks'
import { systemClock } from '../../lib/host/clock.ts'
import { createLog } from '../../lib/host/log.ts'
import { openKubeTarget } from '../../lib/kube-api/kube-config.ts'
import { createKubeSource } from '../../lib/leases/kube.ts'
import { ACCEPT_ANY, ACCEPT_JSON } from '../../lib/leases/wire/kube-formats.ts'
import { networkOf, nodeName } from '../world/cluster.ts'
import { ANNOTATION_PREFIX } from '../world/node-objects.ts'

const WATCH_LIST =
  '/api/v1/nodes?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=300'
const END = Buffer.from('k8s.io/initial-events-end')
const ACCEPTS: Readonly<Record<string, string>> = {
  protobuf: ACCEPT_ANY.nodes,
  json: ACCEPT_JSON.nodes,
  metadata: ACCEPT_ANY.metadata,
}

const [kubeconfigFile = '', how = ''] = process.argv.slice(2)
const config = { kubeconfigFile, apiUrl: undefined }
const target = await openKubeTarget(config)
const used = process.cpuUsage()
const began = performance.now()
const bytes = how === 'vtepd' ? await synced() : await thrownAway(ACCEPTS[how] ?? '')
const ms = performance.now() - began
const { user, system } = process.cpuUsage(used)
process.stdout.write(
  `${JSON.stringify({ ms, cpuMs: (user + system) / 1000, ...(bytes === 0 ? {} : { MiB: bytes / (1 << 20) }) })}\n`,
)
process.exit(0)

async function thrownAway(accept: string): Promise<number> {
  const { url, options } = target
  const module = url.protocol === 'http:' ? http : https
  const headers = { ...options.headers, accept }
  const body = await new Promise<IncomingMessage>((resolve, reject) => {
    module.get(new URL(WATCH_LIST, url), { ...options, headers }, resolve).on('error', reject)
  })
  if (body.statusCode !== 200) throw new Error(`the API server answers ${body.statusCode}`)
  let length = 0
  let tail: Buffer = Buffer.alloc(0)
  return new Promise((resolve, reject) => {
    body.on('error', reject)
    body.on('data', (chunk: Buffer) => {
      length += chunk.length
      // It stands in the last event: only the border of two chunks can cut it.
      if (chunk.includes(END) || Buffer.concat([tail, chunk.subarray(0, END.length)]).includes(END)) resolve(length)
      tail = chunk.subarray(-END.length)
    })
  })
}

async function synced(): Promise<number> {
  const source = createKubeSource({
    config: {
      ...config,
      node: { name: nodeName(1) },
      annotationPrefix: ANNOTATION_PREFIX,
      setNodeNetworkUnavailable: false,
    },
    network: networkOf(['ipv4']),
    log: createLog({ level: 'warn', format: 'text' }),
    clock: systemClock,
  })
  await new Promise<void>((resolve) => {
    source.start(() => {
      if (source.view().synced) resolve()
    })
  })
  return 0
}

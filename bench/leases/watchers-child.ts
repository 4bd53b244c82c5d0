/**
 * K watches of all Nodes in one process, read and thrown away: KUBECONFIG, K and the encoding as arguments. What they cost
 * the API server is looked at from outside. Prints a line when all are open, then one with the bytes so far for each that
 * it reads. Must not: resume a watch that ends.
 */
import { createInterface } from 'node:readline'
import { systemClock } from '../../lib/host/clock.ts'
import { openKubeTarget } from '../../lib/kube-api/kube-config.ts'
import { fetchAnswer, openStream } from '../../lib/kube-api/kube-http.ts'
import { ACCEPT_ANY, ACCEPT_JSON } from '../../lib/leases/wire/kube-formats.ts'

const ACCEPTS: Readonly<Record<string, string>> = {
  protobuf: ACCEPT_ANY.nodes,
  json: ACCEPT_JSON.nodes,
  metadata: ACCEPT_ANY.metadata,
}
const [kubeconfigFile = '', count = '1', how = 'protobuf'] = process.argv.slice(2)
const config = { kubeconfigFile, apiUrl: undefined }
const signal = (): AbortSignal => new AbortController().signal
let bytes = 0
const first = await openKubeTarget(config)
const listed = { method: 'GET', path: '/api/v1/nodes?limit=1', what: 'list nodes' } as const
const answer = await fetchAnswer({ target: first, request: listed, clock: systemClock, signal: signal() })
const { metadata } = JSON.parse(answer.body.toString('utf8')) as { metadata: { resourceVersion: string } }
const path = `/api/v1/nodes?watch=1&timeoutSeconds=600&resourceVersion=${metadata.resourceVersion}`
for (let i = 0; i < Number(count); i += 1) {
  const target = await openKubeTarget(config)
  const request = { method: 'GET', path, accept: ACCEPTS[how] ?? '', what: 'watch nodes' } as const
  const stream = await openStream({ target, request, clock: systemClock, signal: signal() })
  void stream.read((piece) => {
    bytes += piece.length
  })
}
process.stdout.write('open\n')
createInterface({ input: process.stdin }).on('line', () => process.stdout.write(`${bytes}\n`))

/**
 * The embedded API server as a process: HOST and N as arguments; prints its URL when it holds N Nodes, and serves until
 * it is killed. Must not: hold anything but the server.
 */
import { startApiServer } from '../../lib/lab/api-server/api-server.ts'
import { leaseOf, nodeName } from '../world/cluster.ts'
import { nodeObjectOf } from '../world/node-objects.ts'

const [host = '127.0.0.1', size = '0'] = process.argv.slice(2)
const api = await startApiServer({ host, historyEvents: 4 * Number(size) + 20_000, claims: true })
for (let index = 1; index <= Number(size); index += 1) {
  const { metadata, spec = {} } = nodeObjectOf(leaseOf(['ipv4'], index))
  // The first is the agent's own: it publishes by itself.
  api.nodes.create(index === 1 ? { metadata: { name: nodeName(index) }, spec } : { metadata, spec })
}
process.stdout.write(`${api.url}\n`)

// Counts neighbours by link and state for Prometheus: node neighbour-exporter.js 9150
// Without a port it answers one scrape of its own, prints it and ends.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openRtnl } from 'vtepd/rtnl'

const rtnl = openRtnl()

async function metrics(): Promise<string> {
  const [links, neighbours] = [await rtnl.listLinks(), await rtnl.listNeighbours()]
  const names = new Map(links.value.map(({ ifindex, ifname }) => [ifindex, ifname]))
  const counts = new Map<string, number>()
  for (const { ifindex, family, state } of neighbours.value) {
    const labels = `device="${names.get(ifindex) ?? ifindex}",family="${family}",state="${state}"`
    counts.set(labels, (counts.get(labels) ?? 0) + 1)
  }
  const lines = [...counts].map(([labels, count]) => `neighbour_entries{${labels}} ${count}\n`)
  return `# TYPE neighbour_entries gauge\n${lines.join('')}`
}

const server = createServer((request, response) => {
  if (request.url !== '/metrics') return response.writeHead(404).end()
  metrics().then(
    (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
    (error: unknown) => response.writeHead(500).end(`${error}\n`),
  )
})
const wanted = process.argv[2]
server.listen(Number(wanted ?? 0), '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
console.log(`http://127.0.0.1:${port}/metrics`)
if (wanted === undefined) {
  console.log(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  server.close()
  server.closeAllConnections()
  await rtnl.close()
}

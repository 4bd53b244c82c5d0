// Keeps a copy of the IPv4 routes, and tells what changes in it, until a route that it makes itself has come and gone.
import { openRtnl, parseCidr } from 'vtepd/rtnl'

const rtnl = openRtnl()
const routes = await rtnl.watchTable('routes', { family: 'ipv4' })
const changes = routes.changes()

const route = { dst: parseCidr('198.51.100.0/24'), type: 'blackhole' } as const
await rtnl.addRoute(route)
await routes.settled()
console.log(routes.get({ dst: route.dst })?.type)
await rtnl.deleteRoute(route)

for await (const change of changes) {
  // Too many waited: the table itself has them all.
  if (change.type === 'lost') console.log('lost some of', routes.size)
  else console.log(change.type, change.type === 'set' ? change.value.dst : change.old.dst)
  if (change.type === 'deleted' && change.old.dst === route.dst) break
}
await rtnl.close()

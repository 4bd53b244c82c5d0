// An empty project that uses vtepd/rtnl, or @vtepd/rtnl, in earnest: dumps, a batch, a monitor that hears it. Must not: know who
// installs or runs it.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Makes `folder`; `use.mjs` in it prints `used …` where all went well. It wants CAP_NET_ADMIN over an empty network namespace. */
export function createProject(folder, library = 'vtepd/rtnl') {
  mkdirSync(folder, { recursive: true })
  const manifest = { name: 'stranger', version: '1.0.0', private: true, type: 'module' }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(
    path.join(folder, 'use.mjs'),
    `import * as other from '${library === 'vtepd/rtnl' ? 'vtepd' : `${library}/netlink`}'
import { createEntryWriter, NUD_PERMANENT, openRtnl, parseIp, parseLladdr } from '${library}'

const rtnl = openRtnl()
const heard = new Promise((resolve, reject) => {
  const monitor = rtnl.monitor({
    groups: ['link'],
    families: ['ipv4'],
    onNotifications(events) {
      if (!events.some((event) => event.type === 'link' && event.link.ifname === 'br-stranger')) return
      monitor.close()
      resolve()
    },
  })
  setTimeout(reject, 30_000, new Error('no notification')).unref()
})
await rtnl.createBridge({ ifname: 'br-stranger' })
await heard
const { value: links } = await rtnl.dumpLinks()
const { ifindex } = links.find((link) => link.ifname === 'br-stranger')
const writer = createEntryWriter()
for (let i = 1; i <= 200; i += 1)
  writer.push('replace', {
    kind: 'neighbour',
    ifindex,
    ip: parseIp(\`10.0.0.\${i}\`),
    lladdr: parseLladdr('02:00:00:00:00:01'),
    state: NUD_PERMANENT,
    flags: 0,
    protocol: 0,
  })
const { failures } = await rtnl.applyEntries(writer.finish())
if (failures.length > 0) throw new Error(failures[0].errnoName)
const { value } = await rtnl.dumpNeighbours('ipv4', ifindex)
await rtnl.close()
console.log('used', value.length, Object.keys(other).length > 0)
`,
  )
}

/** A damaged device told as commands, on the real kernel: run as they stand, nothing is left to do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceDifference } from '../../lib/agent/device-difference.ts'
import { decide } from '../../lib/device/decide.ts'
import { interpretFacts } from '../../lib/device/observation.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { Rtnl } from '../../lib/rtnl/port.ts'
import { NO_MEMORY } from '../../lib/underlay/memory.ts'
import { LLADDR, settings, wanted } from '../device/support.ts'
import { underlayChoice } from '../support/config.ts'
import { createNetns, kernelTests } from '../support/netns.ts'

const NO_ROUTES = { bytes: new Uint8Array(0), length: 0 }

async function look(rtnl: Rtnl) {
  const [links, addresses] = [await rtnl.dumpLinks(), await rtnl.dumpAddresses()]
  const facts = {
    links: links.value,
    addresses: addresses.value,
    routes: NO_ROUTES,
    reach: undefined,
    acceptRa: undefined,
    interrupted: false,
  }
  const known = {
    ifindex: undefined,
    lladdr: LLADDR,
    underlay: { now: 0 },
    memory: NO_MEMORY,
    reachesPeers: () => false,
  }
  const { observation } = interpretFacts(settings, underlayChoice(), facts, known)
  return deviceDifference(settings, decide(settings, wanted, LLADDR, observation), observation)
}

const DAMAGES: readonly (readonly [what: string, command: string])[] = [
  ['it is gone', 'ip link del flannel.1'],
  ['it is down', 'ip link set flannel.1 down'],
  ['another MTU', 'ip link set flannel.1 mtu 1300'],
  ['another MAC address', 'ip link set flannel.1 address 12:00:00:00:00:77'],
  ['another source address', 'ip link set flannel.1 type vxlan id 1 local 192.168.1.9'],
  ['it learns', 'ip link set flannel.1 type vxlan id 1 learning'],
  ['its address is gone', 'ip address flush dev flannel.1'],
  ['a foreign address', 'ip address add 10.42.9.9/24 dev flannel.1'],
  ['it is a port of a bridge', 'ip link add br0 type bridge; ip link set flannel.1 master br0'],
  ['another VNI', 'ip link del flannel.1; ip link add flannel.1 type vxlan id 9 local 192.168.1.1 dstport 8472'],
]

test('what is damaged about a device is told as commands that mend it', kernelTests, async (t) => {
  for (const [what, damage] of DAMAGES)
    await t.test(what, async (t) => {
      const netns = await createNetns(t, 'difference')
      const run = (line: string): Promise<string> => netns.exec('sh', '-e', '-c', line)
      await run('ip link add mgmt0 type veth peer name far0; ip link set mgmt0 up; ip link set far0 up')
      await run('ip address add 192.168.1.1/24 dev mgmt0')
      const rtnl = openRtnl({ netns: netns.path })
      t.after(() => rtnl.close())
      const mend = async (): Promise<readonly string[]> => {
        const all: string[] = []
        // What cannot be changed is deleted first, and made anew.
        for (let looks = 0; looks < 4; looks += 1) {
          const { commands } = await look(rtnl)
          if (commands.length === 0) return all
          all.push(...commands)
          await run(commands.join('\n'))
        }
        throw new Error(all.join('\n'))
      }
      assert.ok((await mend()).length > 0, 'there was none')
      await run(damage)
      assert.ok((await mend()).length > 0)
      assert.deepEqual(await look(rtnl), { commands: [], unknown: null })
    })
})

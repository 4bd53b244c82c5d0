/**
 * In what the kernel under the tests differs from the newest one: asked by trying, not by its number, as distributions carry
 * much back. Must not: judge; what vtepd needs of every kernel is for the tests to say.
 */
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { KernelTraits } from '../support/fake-kernel/index.ts'
import { createNetns, type Netns } from '../support/netns.ts'

let known: Promise<KernelTraits> | undefined

/** Of this kernel; tried once a process, in a namespace of its own. */
export function traitsOfKernel(): Promise<KernelTraits> {
  known ??= readTraits()
  return known
}

async function readTraits(): Promise<KernelTraits> {
  const ends: (() => unknown)[] = []
  const netns = await createNetns({ after: (finish) => ends.push(finish) }, 'traits')
  const rtnl = openRtnl({ netns: netns.path })
  try {
    const loopback = (await rtnl.dumpAddresses('ipv6')).value.find(({ ip }) => ip === '::1')
    await netns.exec('ip', 'link', 'add', 'v0', 'type', 'vxlan', 'id', '7', 'dstport', '8472', 'nolearning')
    await netns.exec('ip', 'link', 'set', 'v0', 'up')
    const device = (await works(netns, 'ip', 'link', 'set', 'v0', 'name', 'v1')) ? 'v1' : 'v0'
    return {
      addressProtocols: loopback?.protocol !== 0,
      renamesWhileUp: device === 'v1',
      flushesFdb: await works(netns, 'bridge', 'fdb', 'flush', 'dev', device, 'self', 'permanent'),
      refusesOnlinkElsewhere: !(await takesOnlink(netns, device)),
    }
  } finally {
    await rtnl.close()
    for (const end of ends) await end()
  }
}

/** An IPv6 gateway on another link than the one that is named. */
async function takesOnlink(netns: Netns, device: string): Promise<boolean> {
  await netns.exec('ip', 'link', 'add', 'u0', 'type', 'veth', 'peer', 'name', 'p0')
  for (const link of ['u0', 'p0']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('ip', 'address', 'add', '2001:db8::1/64', 'dev', 'u0', 'nodad')
  const route = 'fd00:2::/64 via 2001:db8::2 onlink metric 3'.split(' ')
  return works(netns, 'ip', '-6', 'route', 'add', ...route, 'dev', device)
}

function works({ exec }: Netns, program: string, ...args: string[]): Promise<boolean> {
  return exec(program, ...args).then(
    () => true,
    () => false,
  )
}

/** What a refusal of the kernel's means where its own sentence does not help. Must not: decide what follows from it. */

import type { DeviceOp, DeviceSettings } from './types.ts'
import { deviceName, KERNEL_VXLAN_PORT } from './vtep.ts'

/** A sentence with a remedy; undefined: the kernel's says it all. Of `create`, only what no link of this namespace explains. */
export function explainFailure(
  { family, network: { backend } }: DeviceSettings,
  op: DeviceOp,
  { errnoName, because }: { readonly errnoName: string; readonly because: string },
): string | undefined {
  if (op.op === 'accept-ra-off' && errnoName === 'EROFS')
    return `${because} (/proc/sys is read-only here: set net.ipv6.conf.${op.ifname}.accept_ra = 0 from outside, or net.ipv6.conf.default.accept_ra = 0 before the start)`
  if (op.op === 'create' && errnoName === 'EOPNOTSUPP')
    return `this kernel has no VXLAN: \`modprobe vxlan\` says why (cloud kernels of Ubuntu have the module in linux-modules-extra-…); the kernel says: ${because}`
  if (op.op !== 'create' || errnoName !== 'EEXIST' || backend.type !== 'vxlan') return undefined
  const place = `VNI ${backend.vni} and port ${backend.port ?? KERNEL_VXLAN_PORT}`
  return (
    `cannot create ${deviceName(family, backend.vni)}: no link of this network namespace holds ${place}, so a device that was made here ` +
    'and moved to another namespace does: find it with `ip -all netns exec ip -d link show type vxlan` (`lsns -t net` lists namespaces ' +
    `without a name) and delete it there, or choose another Backend.VNI or Backend.Port; the kernel says: ${because}`
  )
}

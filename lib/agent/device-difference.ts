/** What would be done about our device, as commands. Pure. Must not: do it. */
import type { Decision } from '../device/decide.ts'
import { renderOp } from '../device/op-command.ts'
import { type DeviceSettings, keepsDevice, type Observation } from '../device/types.ts'
import type { CommandDifference } from '../firewall/port.ts'

export function deviceDifference(
  settings: DeviceSettings,
  decision: Decision,
  { device, underlay }: Observation,
): CommandDifference {
  const ifnameOf = (ifindex: number): string =>
    device?.ifindex === ifindex
      ? device.ifname
      : !('waiting' in underlay) && underlay.ifindex === ifindex
        ? underlay.ifname
        : `if${ifindex}`
  const names = { ifnameOf, vni: keepsDevice(settings) ? settings.network.backend.vni : undefined }
  switch (decision.kind) {
    case 'rest':
      return { commands: [], unknown: null }
    case 'repair':
      return { commands: decision.ops.flatMap((op) => renderOp(op, names)), unknown: null }
    case 'create':
      return { commands: renderOp({ op: 'create', spec: decision.spec }, names), unknown: null }
    case 'remove':
      return {
        commands: renderOp({ op: 'delete', ifindex: decision.ifindex }, names),
        unknown: `then it is made anew: ${decision.because}`,
      }
    default:
      return { commands: [], unknown: decision.because }
  }
}

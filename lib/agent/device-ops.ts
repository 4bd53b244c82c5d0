/**
 * Writes what the device machine asks for, in order, and says how it ended. Must not: decide, wait or repeat.
 */

import { explainFailure } from '../device/explain.ts'
import type { DeviceOp, DeviceSettings } from '../device/types.ts'
import { NetlinkError } from '../errors.ts'
import type { Verdict } from '../overlay/classify.ts'
import { classify } from '../overlay/classify.ts'
import type { Rtnl } from '../rtnl/port.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import { unreachable } from '../util/unreachable.ts'
import type { Containment } from './containment.ts'
import type { RtnlSession } from './rtnl-session.ts'

/** The part of lib/host/sysctl that the agent needs: keys with slashes, undefined when there is no such key. */
export interface Sysctl {
  read(key: string): Promise<string | undefined>
  /** Never rejects for a missing or read-only key; `errno` is the name of the system's error. */
  write(
    key: string,
    value: string,
  ): Promise<{ readonly written: true } | { readonly written: false; readonly errno: string }>
}

export type Applied =
  | { readonly type: 'applied' }
  | { readonly type: 'apply-failed'; readonly op: DeviceOp; readonly verdict: Verdict; readonly because: string }

/** The first failure ends it. `level`: of the lines about what was done. */
export async function applyOps(
  parts: {
    readonly session: RtnlSession
    readonly sysctl: Sysctl
    readonly report: Containment['report']
    readonly settings: DeviceSettings
    readonly clock: Clock
    readonly log: Log
  },
  {
    ops,
    because,
    level,
  }: { readonly ops: readonly DeviceOp[]; readonly because: string; readonly level: 'info' | 'debug' },
): Promise<Applied> {
  const { clock, log, settings } = parts
  for (const [index, op] of ops.entries()) {
    const started = clock.now()
    const failure = await applyOne(parts, op)
    if (failure === undefined) {
      // The reason of all is told with the first.
      log[level]('device.effect', `${op.op}: ${index === 0 ? because : whatOf(op)}`, {
        effect: op.op,
        ms: clock.now() - started,
      })
      continue
    }
    if (failure.verdict === 'done') continue
    const sentence = explainFailure(settings, op, failure) ?? failure.because
    // The others are told as the flaws that they are, once a minute.
    const isNews = level === 'info' && op.op !== 'accept-ra-off' && op.op !== 'tx-checksum'
    log[isNews ? 'warn' : 'debug']('device.effect-failed', `${op.op}: ${sentence}`, { effect: op.op })
    return { type: 'apply-failed', op, verdict: failure.verdict, because: sentence }
  }
  return { type: 'applied' }
}

function whatOf(op: DeviceOp): string {
  switch (op.op) {
    case 'create':
      return op.spec.ifname
    case 'add-address':
    case 'delete-address':
      return `${op.address.ip}/${op.address.prefixLength}`
    case 'change':
      return JSON.stringify(op.change)
    case 'tx-checksum':
      return op.on ? 'on' : 'off'
    case 'accept-ra-off':
      return op.ifname
    case 'delete':
      return `interface ${op.ifindex}`
    default:
      return unreachable(op)
  }
}

async function applyOne(
  parts: { readonly session: RtnlSession; readonly sysctl: Sysctl; readonly report: Containment['report'] },
  op: DeviceOp,
): Promise<{ readonly verdict: Verdict; readonly errnoName: string; readonly because: string } | undefined> {
  try {
    if (op.op === 'accept-ra-off') return await switchOff(parts.sysctl, op.ifname)
    await parts.session.use((rtnl) => write(rtnl, op))
    return undefined
  } catch (error) {
    parts.report(error)
    const errnoName = error instanceof NetlinkError ? error.errnoName : ''
    const verdict =
      error instanceof NetlinkError && op.op !== 'accept-ra-off' ? classify(CLASSIFIED[op.op], errnoName) : 'retry'
    return { verdict, errnoName, because: messageOf(error) }
  }
}

async function switchOff(sysctl: Sysctl, ifname: string) {
  const outcome = await sysctl.write(acceptRaKey(ifname), '0')
  // A link that has gone has no such key.
  if (outcome.written || outcome.errno === 'ENOENT') return undefined
  const because = `accept_ra of ${ifname} cannot be switched off: ${outcome.errno}`
  return { verdict: 'reject', errnoName: outcome.errno, because } as const
}

/** The row of overlay/classify for each operation. */
const CLASSIFIED = {
  create: 'link.create',
  delete: 'link.delete',
  change: 'link.change',
  'add-address': 'address.add',
  'delete-address': 'address.delete',
  'tx-checksum': 'link.change',
} as const satisfies Record<Exclude<DeviceOp['op'], 'accept-ra-off'>, string>

async function write(rtnl: Rtnl, op: Exclude<DeviceOp, { op: 'accept-ra-off' }>): Promise<void> {
  switch (op.op) {
    case 'create':
      return await rtnl.createVxlan(op.spec)
    case 'delete':
      return await rtnl.deleteLink(op.ifindex)
    case 'change':
      return await change(rtnl, op)
    case 'tx-checksum':
      return await rtnl.writeTxChecksum(op.ifindex, op.on)
    case 'add-address':
      return await rtnl.addAddress(op.address)
    case 'delete-address':
      return await rtnl.deleteAddress(op.address)
    default:
      return unreachable(op)
  }
}

/** Before Linux 6.2 a link has its name changed only while it is down; then it loses its entries, which the next look tells. */
async function change(rtnl: Rtnl, { ifindex, change: wanted }: Extract<DeviceOp, { op: 'change' }>): Promise<void> {
  try {
    await rtnl.changeLink(ifindex, wanted)
  } catch (error) {
    if (wanted.ifname === undefined || !(error instanceof NetlinkError) || error.errnoName !== 'EBUSY') throw error
    await rtnl.changeLink(ifindex, { up: false })
    await rtnl.changeLink(ifindex, { ...wanted, up: true })
  }
}

/** In the form of lib/host/sysctl. */
export function acceptRaKey(ifname: string): string {
  return `net/ipv6/conf/${ifname}/accept_ra`
}

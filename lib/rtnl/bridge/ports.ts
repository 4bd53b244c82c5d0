/** Ports of bridges and their settings. Must not: retry, decide or log. */

import { constants } from 'node:os'
import { NetlinkError } from '../../errors.ts'
import { type Ifindex, toIfindex } from '../../net/ifindex.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import { type CallOptions, checkCallOptions } from '../../netlink/call.ts'
import { asIfindex, asInteger, copyOf } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Dump } from '../../netlink/dump.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { shown } from '../../util/wrong-input.ts'
import * as inet from '../inet.ts'
import type { BridgePort, BridgePortChange } from './bridge-port.ts'
import * as schema from './schema.ts'

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface BridgePorts {
  /** Of all bridges, or of one. */
  listBridgePorts(filter?: { readonly master?: Ifindex }, options?: CallOptions): Promise<Dump<readonly BridgePort[]>>
  /** undefined: there is no such link, or it is not a port of a bridge. */
  getBridgePort(ifindex: Ifindex, options?: CallOptions): Promise<BridgePort | undefined>
  /**
   * All of it, or nothing. RangeError for a setting that this kernel does not know: it would pass over it in silence. EOPNOTSUPP: it
   * is not a port of a bridge; ENODEV: there is no such link.
   */
  changeBridgePort(ifindex: Ifindex, change: BridgePortChange, options?: CallOptions): Promise<void>
}

const CHANGEABLE = (
  'state priority cost hairpin guard rootBlock fastLeave learning flood mcastFlood bcastFlood mcastToUnicast mcastRouter ' +
  'proxyArp proxyArpWifi neighSuppress neighVlanSuppress vlanTunnel isolated locked macAuthBypass groupForwardMask ' +
  'backupPort backupNexthopId mcastMaxGroups mcastEhtHostsLimit flush'
).split(' ')

/** Not told where there is none, or never. */
const NOT_ALWAYS_TOLD = new Set(['backupPort', 'backupNexthopId', 'flush'])

const listed = reader(schema.bridgeLink, (raw) =>
  raw.family === schema.AF_BRIDGE && (raw.vlans?.flags ?? 0) !== schema.BRIDGE_FLAGS_SELF ? raw.port : undefined,
)
const asked = reader(schema.slaveLink, ({ linkInfo }) => (linkInfo?.slaveKind === 'bridge' ? linkInfo.port : undefined))
const body = inet.called('change', schema.brport)
const changeBody = { ...schema.bridgeLink }

export function bridgePortsOver(netlink: Netlink): BridgePorts {
  const ports: BridgePorts = {
    async listBridgePorts(filter = {}, options) {
      const { master } = copyOf('filter', filter, ['master'])
      if (master !== undefined) asIfindex('filter.master', master)
      const query = { type: schema.RTM_GETLINK, body: schema.bridgeLink, value: { family: schema.AF_BRIDGE } }
      const answers = { answer: listed, answerType: schema.RTM_NEWLINK, op: 'bridge.ports', subject: 'all' }
      const dump = await netlink.dump({ ...query, ...answers }, options)
      const isWanted = (one: BridgePort | 'none'): one is BridgePort =>
        one !== 'none' && (master ?? one.master) === one.master
      return { ...dump, value: dump.value.filter(isWanted) }
    },
    async getBridgePort(ifindex, options) {
      const value = { ifindex: asIfindex('ifindex', ifindex) }
      const query = { type: schema.RTM_GETLINK, body: schema.slaveLink, value, answer: asked }
      try {
        const named = { answerType: schema.RTM_NEWLINK, op: 'bridge.port', subject: `ifindex ${ifindex}` }
        const [found] = await netlink.request({ ...query, ...named }, options)
        return found === 'none' ? undefined : found
      } catch (error) {
        if (error instanceof NetlinkError && error.errno === constants.errno.ENODEV) return undefined
        throw error
      }
    },
    async changeBridgePort(ifindex, change, options) {
      const value = { family: schema.AF_BRIDGE, ifindex: asIfindex('ifindex', ifindex) }
      const wantedChange = copyOf('change', change, CHANGEABLE)
      const port = rawChange(wantedChange)
      const call = checkCallOptions(options)
      const before = await ports.getBridgePort(ifindex, call)
      for (const [key, wanted] of Object.entries(wantedChange))
        if (before !== undefined && wanted !== undefined && !NOT_ALWAYS_TOLD.has(key) && !Object.hasOwn(before, key))
          throw new RangeError(`change.${key}: this kernel does not know it`)
      const request = { type: schema.RTM_SETLINK, body: changeBody, value: { ...value, port } }
      await netlink.request({ ...request, op: 'bridge.changePort', subject: `ifindex ${ifindex}` }, call)
    },
  }
  return ports
}

function rawChange(change: BridgePortChange): schema.RawPort {
  const { priority, cost, backupPort, state, mcastRouter, ...rest } = change
  const raw = {
    ...rest,
    state: state === undefined ? undefined : known('state', state, 4),
    mcastRouter: mcastRouter === undefined ? undefined : known('mcastRouter', mcastRouter, 3),
    priority: priority === undefined ? undefined : asInteger('change.priority', priority, 0, 63),
    cost: cost === undefined ? undefined : asInteger('change.cost', cost, 1, 65535),
    backupPort: backupPort === null ? 0 : backupPortOf(backupPort),
  }
  // The codec names what is wrong with the others: the whole change is checked before anything is asked.
  return inet.asRead(body, 'change', raw)
}

function known<T extends string>(name: string, value: T | number, most: number): T | number {
  return typeof value === 'number' ? asInteger(`change.${name}`, value, 0, most) : value
}

function backupPortOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number')
    throw new TypeError(`change.backupPort: ${shown(value)} is neither an ifindex nor null`)
  return asIfindex('change.backupPort', value)
}

interface RawLink {
  readonly ifindex?: number | undefined
  readonly ifname?: string | undefined
  readonly master?: number | undefined
  readonly mtu?: number | undefined
  readonly lladdr?: Lladdr | undefined
}

/** 'none': a link that is no port of a bridge. */
function reader<R extends RawLink>(
  codec: Codec<R>,
  portOf: (raw: R) => schema.RawPort | undefined,
): Codec<BridgePort | 'none'> {
  return {
    write: () => {
      throw new TypeError('a port is told by the kernel')
    },
    read(view, start, end, name, faults) {
      const raw = codec.read(view, start, end, name, faults)
      if (raw === undefined) return undefined
      const [port, ifindex, master] = [portOf(raw), toIfindex(raw.ifindex ?? 0), toIfindex(raw.master ?? 0)]
      if (port === undefined || ifindex === undefined || master === undefined) return 'none'
      const { rootId, bridgeId, backupPort, flush: _, ...settings } = port
      const backup = toIfindex(backupPort ?? 0)
      return {
        ...settings,
        ifindex,
        ifname: raw.ifname ?? '',
        master,
        mtu: raw.mtu ?? 0,
        state: port.state ?? 'disabled',
        ...(raw.lladdr === undefined ? {} : { lladdr: raw.lladdr }),
        ...(rootId === undefined ? {} : { rootId: Buffer.from(rootId).toString('hex') }),
        ...(bridgeId === undefined ? {} : { bridgeId: Buffer.from(bridgeId).toString('hex') }),
        ...(backup === undefined ? {} : { backupPort: backup }),
      }
    },
  }
}

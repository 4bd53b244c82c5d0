/**
 * `Rtnl` over the fake kernel's state: each method as a request for the queue. Must not: hold state of its own.
 */

import { ENTRY_BYTES } from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type Family, familyOf } from '../../../lib/net/ip.ts'
import type { EntryTable } from '../../../lib/rtnl/entries.ts'
import type { Dump, Rtnl, Unreadable } from '../../../lib/rtnl/port.ts'
import { addAddress, deleteAddress } from './addresses.ts'
import { applyBatch, namedIfindexes } from './batch.ts'
import { detailOf } from './carriers.ts'
import { type Answer, ECANCELED, EINVAL, ENETDOWN, ENODEV, ENXIO, type Refusal, refuse } from './errnos.ts'
import type { Fault } from './faults.ts'
import { getFdb } from './fdb.ts'
import { changeLink, changeTxChecksum } from './link-changes.ts'
import { createLink, createVethPair, deleteLink, type NewLink, sendAway } from './links.ts'
import { closeMonitors, openMonitor } from './monitor.ts'
import { joinRecords } from './records.ts'
import { type Request, type RequestName, type RequestQueue, socketError } from './requests.ts'
import { resolveRoute } from './resolve.ts'
import { addressesOf, fdbRecords, linksOf, neighbourRecords, routeDump } from './snapshot.ts'
import type { State } from './state.ts'
import { planVxlan } from './vxlan.ts'

/** `disturb(index)` runs before each entry of a batch. */
export function openDoor(state: State, queue: RequestQueue, portId: number, disturb: (index: number) => void): Rtnl {
  let closed = false

  const submit = <T>(request: Request<T>): Promise<T> =>
    closed ? Promise.reject(socketError(request.op, ECANCELED)) : queue.submit(portId, request)

  const write = (
    name: RequestName,
    op: string,
    subject: string,
    args: readonly unknown[],
    ifindexes: readonly Ifindex[],
    execute: () => Answer,
  ): Promise<void> =>
    submit<undefined>({ name, op, subject, args, ifindexes, execute: () => execute() as Refusal | undefined })

  const dump = <T>(
    name: RequestName,
    op: string,
    args: readonly unknown[],
    ifindexes: readonly Ifindex[],
    execute: (sift: Sift) => T,
  ): Promise<Dump<T>> =>
    submit({
      name,
      op,
      subject: '',
      args,
      ifindexes,
      execute: (fault) => {
        const sieve = createSieve(fault)
        const value = execute(sieve.sift)
        return { value, interrupted: fault?.kind === 'interrupted', unreadable: sieve.unreadable }
      },
    })

  return {
    portId,
    dumpLinks: () => dump('dumpLinks', 'link.dump', [], [], (sift) => sift(linksOf(state))),
    dumpAddresses: (family?: Family) =>
      dump('dumpAddresses', 'address.dump', [family], [], (sift) => sift(addressesOf(state, family))),
    dumpRoutes: (family) =>
      dump('dumpRoutes', 'route.dump', [family], [], (sift) => joinRecords(sift(recordsOf(routeDump(state, family))))),
    dumpNeighbours: (family, ifindex) =>
      dump('dumpNeighbours', 'neighbour.dump', [family, ifindex], [ifindex], (sift) =>
        joinRecords(sift(neighbourRecords(state, family, ifindex))),
      ),
    dumpFdb: (ifindex) =>
      dump('dumpFdb', 'fdb.dump', [ifindex], [ifindex], (sift) => joinRecords(sift(fdbRecords(state, ifindex)))),
    dumpRules: (family) => dump('dumpRules', 'rule.dump', [family], [], (sift) => sift(state.rules[family])),
    getFdb: (entries) =>
      submit({
        name: 'getFdb',
        op: 'fdb.get',
        subject: `${entries.length} entries`,
        args: [entries],
        ifindexes: namedIfindexes(entries),
        execute: () => {
          const found = getFdb(state, recordsOf(entries))
          return Array.isArray(found) ? joinRecords(found) : found
        },
      }),
    createVxlan: (spec) =>
      write('createVxlan', 'link.create', spec.ifname, [spec], spec.parent === undefined ? [] : [spec.parent], () => {
        const planned = planVxlan(state, spec)
        return 'errno' in planned ? planned : createLink(state, planned, {}, portId)
      }),
    createVeth: (spec) =>
      write('createVeth', 'link.create', spec.ifname, [spec], [], () => {
        const far = spec.peer.netns === undefined ? plainLink(state, 'veth', spec.peer, 1) : undefined
        return createVethPair(state, plainLink(state, 'veth', spec, 0), far, portId)
      }),
    createBridge: (spec) =>
      write('createBridge', 'link.create', spec.ifname, [spec], [], () =>
        createLink(state, plainLink(state, 'bridge', spec, 0), {}, portId),
      ),
    changeLink(ifindex, change) {
      const named = [change.master, change.vxlan?.parent].filter((each) => each !== null && each !== undefined)
      return write('changeLink', 'link.change', subjectOf(ifindex), [ifindex, change], [ifindex, ...named], () =>
        changeLink(state, ifindex, change),
      )
    },
    moveLink: (ifindex, netns) =>
      write('moveLink', 'link.move', subjectOf(ifindex), [ifindex, netns], [ifindex], () =>
        sendAway(state, ifindex, portId),
      ),
    deleteLink: (ifindex) =>
      write('deleteLink', 'link.delete', subjectOf(ifindex), [ifindex], [ifindex], () =>
        deleteLink(state, ifindex, portId),
      ),
    addAddress: (spec) =>
      write(
        'addAddress',
        'address.add',
        `${spec.ip}/${spec.prefixLength} on ${subjectOf(spec.ifindex)}`,
        [spec],
        [spec.ifindex],
        () => addAddress(state, spec, portId),
      ),
    deleteAddress: (spec) =>
      write(
        'deleteAddress',
        'address.delete',
        `${spec.ip}/${spec.prefixLength} on ${subjectOf(spec.ifindex)}`,
        [spec],
        [spec.ifindex],
        () => deleteAddress(state, spec, portId),
      ),
    announceAddress: (announcement) =>
      write(
        'announceAddress',
        'address.announce',
        `${announcement.ip} on ${subjectOf(announcement.ifindex)}`,
        [announcement],
        [announcement.ifindex],
        () => {
          const link = state.links.get(announcement.ifindex)
          if (link?.up !== true) return refuse(link === undefined ? ENXIO : ENETDOWN)
          state.announcements.push(announcement)
          return undefined
        },
      ),
    readTxChecksum: (ifindex) =>
      submit({
        name: 'readTxChecksum',
        op: 'link.read-checksum',
        subject: subjectOf(ifindex),
        args: [ifindex],
        ifindexes: [ifindex],
        execute: () => (state.links.has(ifindex) ? detailOf(state, ifindex).txChecksum : refuse(ENODEV)),
      }),
    writeTxChecksum: (ifindex, on) =>
      write('writeTxChecksum', 'link.write-checksum', subjectOf(ifindex), [ifindex, on], [ifindex], () =>
        changeTxChecksum(state, ifindex, on),
      ),
    resolveRoute: (dst, query = {}) =>
      submit({
        name: 'resolveRoute',
        op: 'route.resolve',
        subject: dst,
        args: [dst, query],
        ifindexes: [query.oif, query.iif].filter((each) => each !== undefined),
        execute: () =>
          query.source !== undefined && familyOf(query.source) !== familyOf(dst)
            ? refuse(EINVAL)
            : resolveRoute(state, dst, query),
      }),
    applyEntries: (batch) =>
      submit({
        name: 'applyEntries',
        op: 'batch',
        subject: `${batch.length} entries`,
        args: [batch],
        ifindexes: namedIfindexes(batch),
        execute: (fault) => applyBatch(state, batch, fault, portId, disturb),
      }),
    release: ({ bytes }) => void structuredClone(undefined, { transfer: [bytes.buffer as ArrayBuffer] }),
    monitor: (options) => openMonitor(state, portId, options),
    async close() {
      closed = true
      closeMonitors(state, portId)
      queue.cancel(portId)
    },
  }
}

/** A veth or bridge with a lladdr of its own when none is asked for: the kernel's are random, these are repeatable. */
export function plainLink(
  state: State,
  kind: string,
  spec: { ifname: string; mtu?: number; lladdr?: NewLink['lladdr'] },
  offset: number,
): NewLink {
  const octet = (state.nextIfindex + offset).toString(16).padStart(4, '0')
  const lladdr =
    spec.lladdr ?? (`02:fa:00:00:${octet.slice(0, 2)}:${octet.slice(2, 4)}` as NonNullable<NewLink['lladdr']>)
  return { ifname: spec.ifname, kind, mtu: spec.mtu ?? 1500, lladdr }
}

function subjectOf(ifindex: Ifindex): string {
  return `ifindex ${ifindex}`
}

type Sift = <T>(list: readonly T[]) => T[]

/** What a fault leaves of a dump. */
function createSieve(fault: Fault | undefined): { readonly sift: Sift; readonly unreadable: Unreadable | undefined } {
  const repeat = fault?.kind === 'torn' ? fault.repeat : undefined
  const omit = fault !== undefined && 'omit' in fault ? fault.omit : undefined
  let omitted = 0
  return {
    sift: (list) =>
      list.flatMap((item, index) => {
        if (omit?.(index) !== true) return repeat?.(index) === true ? [item, item] : [item]
        omitted += 1
        return []
      }),
    get unreadable() {
      return fault?.kind === 'unreadable' && omitted > 0 ? { count: omitted, first: 'a hostile message' } : undefined
    },
  }
}

function recordsOf({ bytes, length }: EntryTable): Uint8Array[] {
  return Array.from({ length }, (_, i) => bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES))
}

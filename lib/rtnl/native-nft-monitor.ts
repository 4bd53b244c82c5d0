/**
 * The real kernel's nftables behind nft-monitor.ts: one socket of NETLINK_NETFILTER with a thread of its own in the addon.
 * Must not: know whose tables they are.
 */

import * as abi from '../addon/abi.ts'
import { loadAddon } from '../addon/addon.ts'
import { errnoName } from '../addon/errno.ts'
import { getUint32, viewOf } from '../addon/host-order.ts'
import { NetlinkSocketError } from '../errors.ts'
import { asNftMonitorOptions } from './check-options.ts'
import type { NftMonitor, NftMonitorOptions, NftNews } from './nft-monitor.ts'

/** A load of 80,000 rules by somebody else is some 40 MB of news; what does not fit is an overrun. */
const RECEIVE_BUFFER = 8 << 20

/** NFPROTO_IPV4 and NFPROTO_IPV6 (linux/netfilter.h), which have the numbers of AF_*. */
const NFPROTO = { ipv4: abi.AF_INET, ipv6: abi.AF_INET6 } as const

/** OpenNftMonitor of the real kernel. TypeError or RangeError for wrong options. Keeps the process alive until it is closed. */
export function openNftMonitor(options: NftMonitorOptions): NftMonitor {
  const { netns, watched, onNews } = asNftMonitorOptions(options)
  const given = watched.map((each) => each.given)
  let closed = false
  const close = (): void => {
    if (closed) return
    closed = true
    opened.monitor?.close()
  }
  const hear = (events: ArrayBuffer): void => {
    if (closed) return
    try {
      const news = decodeNews(new Uint8Array(events), given)
      if (news.some(({ type }) => type === 'closed')) close()
      onNews(news)
    } catch (error) {
      // As in native-monitor.ts: an uncaught exception, as it should be.
      queueMicrotask(() => {
        throw error
      })
    }
  }
  const opened = loadAddon().openNftMonitor(
    netns,
    Uint8Array.from(watched, ({ checked }) => NFPROTO[checked.family]),
    watched.flatMap(({ checked }) => [checked.table, checked.chain ?? '']),
    RECEIVE_BUFFER,
    hear,
  )
  if (opened.monitor === undefined) {
    const name = errnoName(opened.errno)
    const hint = name === 'EPERM' ? '; CAP_NET_ADMIN is missing' : ''
    const detail = `nftables: ${opened.text}${hint}`
    throw new NetlinkSocketError({ op: 'monitor', errno: opened.errno, errnoName: name, detail })
  }
  return { close }
}

/** What is no event of these is an overrun: only a look tells. */
function decodeNews(bytes: Uint8Array, watched: NftMonitorOptions['watched']): NftNews[] {
  const view = viewOf(bytes)
  const news: NftNews[] = []
  for (let at = 0; at + abi.EVENT_HEADER_BYTES <= bytes.length; at += abi.EVENT_HEADER_BYTES) {
    const value = getUint32(view, at + abi.EVENT_VALUE)
    const type = bytes[at + abi.EVENT_TYPE]
    const one = type === abi.EVENT_TOUCHED ? watched[value] : undefined
    if (one !== undefined) news.push({ type: 'touched', watched: one })
    else if (type === abi.EVENT_CLOSED) news.push({ type: 'closed', errnoName: errnoName(value) })
    else news.push({ type: 'overrun' })
  }
  return news
}

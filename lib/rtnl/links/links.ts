/** Links: listed, looked up and written as whole values. Must not: retry, decide or log. */
import { constants } from 'node:os'
import { NetlinkError } from '../../errors.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { type CallOptions, checkCallOptions } from '../../netlink/call.ts'
import { asBoolean, asIfindex, asIfname, asObject, asString, fieldsOf, optional } from '../../netlink/check.ts'
import type { Dump } from '../../netlink/dump.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/message.ts'
import { type Netlink, openNetlink } from '../../netlink/netlink.ts'
import { type NetnsRef, netnsPath } from '../../netlink/netns-path.ts'
import { wrongValue } from '../../util/wrong-input.ts'
import { flatSpec } from './flat-spec.ts'
import type { LinkDetails, LinkFilter } from './link.ts'
import { withNetns } from './netns-fd.ts'
import { linkAnswer } from './read-link.ts'
import * as schema from './schema.ts'
import type { BridgeCreation, LinkSettings, LinkSpec, VethCreation, VxlanCreation } from './spec.ts'
import { changeOf, creationOf } from './write-link.ts'

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface Links {
  /** All links of the namespace, or those of the filter. */
  listLinks(filter?: LinkFilter, options?: CallOptions): Promise<Dump<readonly LinkDetails[]>>
  /** By number, or by name or alternative name; undefined: there is none. */
  getLink(link: Ifindex | string, options?: CallOptions): Promise<LinkDetails | undefined>
  /**
   * Creates it and reads it back, also in another namespace. EEXIST: there is one of that name; EOPNOTSUPP: the kernel does not
   * know the kind; ENODEV: `parent` or `master` is not there, or it was gone again before it could be read.
   */
  createLink(link: LinkSpec, options?: CallOptions): Promise<LinkDetails>
  /** createLink of kind vxlan; without `txQueueLength` it has 0, as the device has no queue. */
  createVxlan(vxlan: VxlanCreation, options?: CallOptions): Promise<LinkDetails>
  /** createLink of kind veth. */
  createVeth(veth: VethCreation, options?: CallOptions): Promise<LinkDetails>
  /** createLink of kind bridge. */
  createBridge(bridge: BridgeCreation, options?: CallOptions): Promise<LinkDetails>
  changeLink(ifindex: Ifindex, change: LinkSettings, options?: CallOptions): Promise<void>
  /** Into another namespace. Its number may change there, and its addresses are gone. EEXIST: the name is taken there. */
  moveLink(ifindex: Ifindex, netns: NetnsRef, options?: CallOptions): Promise<void>
  deleteLink(ifindex: Ifindex, options?: CallOptions): Promise<void>
  /** A further name, up to 127 bytes. EEXIST: some link has it. */
  addAltname(ifindex: Ifindex, altname: string, options?: CallOptions): Promise<void>
  /** EINVAL: it has no such alternative name. */
  deleteAltname(ifindex: Ifindex, altname: string, options?: CallOptions): Promise<void>
}

const IFNAME_MOST = 15
const ALTNAME_MOST = 127

export function linksOver(netlink: Netlink): Links {
  const write = async (
    op: { readonly op: string; readonly type: number; readonly flags?: number; readonly subject: string },
    value: schema.RawLink,
    options?: CallOptions,
    { message } = schema.CHANGE,
  ): Promise<void> => {
    await netlink.request({ ...op, body: message, value }, options)
  }
  const create = async (spec: unknown, options?: CallOptions, naming = schema.LINK): Promise<LinkDetails> => {
    const { ifname, home, peerHome, withNetns: valueWith } = creationOf(spec, naming)
    const call = checkCallOptions(options)
    const op = { op: 'link.create', type: schema.RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, subject: ifname }
    await withNetns(op.op, [home, peerHome], ([fd, peerFd]) => write(op, valueWith(fd, peerFd), call, naming))
    const created = await readBack(netlink, home, ifname, call)
    if (created === undefined) throw vanished(ifname)
    return created
  }
  const links: Links = {
    async listLinks(filter = {}, options) {
      const { kind, master, up } = asFilter(filter)
      const value = {
        ...(master === undefined || master === null ? {} : { master }),
        ...(kind === undefined || kind === '' ? {} : { linkinfo: { kind } }),
      }
      const query = { op: 'link.list', subject: 'all', type: schema.RTM_GETLINK, body: schema.linkMessage, value }
      const dump = await netlink.dump({ ...query, answer: linkAnswer, answerType: schema.RTM_NEWLINK }, options)
      const matches = (link: LinkDetails): boolean =>
        (kind ?? link.kind) === link.kind &&
        (master === undefined || (master ?? undefined) === link.master) &&
        (up ?? link.up) === link.up
      return { ...dump, value: dump.value.filter(matches) }
    },
    getLink: async (link, options) => readLink(netlink, 'link.get', keyOf(link), `${link}`, options),
    createLink: (spec, options) => create(spec, options),
    async createVxlan(vxlan, options) {
      const spec = { txQueueLength: 0, ...asObject('vxlan', vxlan) }
      return create(flatSpec('vxlan', spec), options, schema.FLAT.vxlan)
    },
    createVeth: async (veth, options) => create(flatSpec('veth', veth), options, schema.FLAT.veth),
    createBridge: async (bridge, options) => create(flatSpec('bridge', bridge), options, schema.FLAT.bridge),
    async changeLink(ifindex, change, options) {
      const link = asIfindex('ifindex', ifindex)
      const op = { op: 'link.change', type: schema.RTM_NEWLINK, subject: nameOf(link) }
      await write(op, changeOf(link, change), options)
    },
    async moveLink(ifindex, netns, options) {
      const link = asIfindex('ifindex', ifindex)
      const op = { op: 'link.move', type: schema.RTM_NEWLINK, subject: nameOf(link) }
      const path = netnsPath('netns', netns)
      const call = checkCallOptions(options)
      await withNetns(op.op, [path], ([netnsFd]) => write(op, { ifindex: link, netnsFd }, call))
    },
    async deleteLink(ifindex, options) {
      const link = asIfindex('ifindex', ifindex)
      const op = { op: 'link.delete', type: schema.RTM_DELLINK, subject: nameOf(link) }
      await write(op, { ifindex: link }, options)
    },
    async addAltname(ifindex, altname, options) {
      const link = asIfindex('ifindex', ifindex)
      const flags = NLM_F_CREATE | NLM_F_EXCL
      const op = { op: 'link.add-altname', type: schema.RTM_NEWLINKPROP, flags, subject: nameOf(link) }
      await write(op, { ifindex: link, properties: [asAltname('altname', altname)] }, options)
    },
    async deleteAltname(ifindex, altname, options) {
      const link = asIfindex('ifindex', ifindex)
      const op = { op: 'link.delete-altname', type: schema.RTM_DELLINKPROP, subject: nameOf(link) }
      await write(op, { ifindex: link, properties: [asAltname('altname', altname)] }, options)
    },
  }
  return links
}

/** A name of up to 15 bytes finds alternative names as well, on every kernel. */
function keyOf(link: unknown): schema.RawLink {
  if (typeof link === 'number') return { ifindex: asIfindex('link', link) }
  const name = asAltname('link', link)
  return Buffer.byteLength(name) > IFNAME_MOST ? { altname: name } : { ifname: name }
}

async function readLink(
  netlink: Netlink,
  op: string,
  value: schema.RawLink,
  subject: string,
  options?: CallOptions,
): Promise<LinkDetails | undefined> {
  const query = { op, subject, type: schema.RTM_GETLINK, body: schema.linkMessage, value }
  try {
    const answers = await netlink.request({ ...query, answer: linkAnswer, answerType: schema.RTM_NEWLINK }, options)
    return answers[0]
  } catch (error) {
    if (error instanceof NetlinkError && error.errnoName === 'ENODEV') return undefined
    throw error
  }
}

async function readBack(netlink: Netlink, home: string | undefined, ifname: string, options?: CallOptions) {
  if (home === undefined) return readLink(netlink, 'link.create', { ifname }, ifname, options)
  const there = openNetlink({ protocol: 'route', netns: home })
  try {
    return await readLink(there, 'link.create', { ifname }, ifname, options)
  } finally {
    await there.close()
  }
}

function vanished(subject: string): NetlinkError {
  const { ENODEV: errno } = constants.errno
  const extack = 'it was created, and is gone again'
  return new NetlinkError({ op: 'link.create', subject, errno, errnoName: 'ENODEV', extack })
}

function asFilter(filter: unknown): LinkFilter {
  const of = fieldsOf('filter', filter, ['kind', 'master', 'up'])
  const kind = optional('filter.kind', of.kind, asString)
  const master = of.master === null ? null : optional('filter.master', of.master, asIfindex)
  const up = optional('filter.up', of.up, asBoolean)
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(master === undefined ? {} : { master }),
    ...(up === undefined ? {} : { up }),
  }
}

function asAltname(field: string, value: unknown): string {
  const name = asString(field, value)
  const bytes = Buffer.byteLength(name)
  if (bytes >= 1 && bytes <= IFNAME_MOST) return asIfname(field, name)
  if (bytes < 1 || bytes > ALTNAME_MOST || /[/:\s\0\p{Cs}]/u.test(name))
    throw wrongValue(field, name, 'is not the name of a link')
  return name
}

function nameOf(ifindex: Ifindex): string {
  return `ifindex ${ifindex}`
}

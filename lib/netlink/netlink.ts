/**
 * The open floor: any request, dump or multicast group of any netlink family, with codecs of the caller's own or those of this
 * folder. What vtepd/rtnl knows by name is built on it. Must not: know a family (generic.ts alone knows one).
 */

import { OUTCOME_DONE, OUTCOME_SOCKET } from '../addon/abi.ts'
import { type AddonSocket, loadAddon, type RecordsOutcome } from '../addon/addon.ts'
import { NetlinkProtocolError } from '../errors.ts'
import { shown } from '../util/wrong-input.ts'
import { type Caller, type CallOptions, createCaller } from './call.ts'
import { asCodec, asInteger, asString, fieldsOf, optional } from './check.ts'
import type { Codec } from './codec.ts'
import type { Dump } from './dump.ts'
import {
  attributeAt,
  eachFrame,
  encodeMessage,
  HEADER_BYTES,
  messageAt,
  type NetlinkMessage,
  NLM_F_DUMP,
} from './message.ts'
import { type NetnsRef, netnsPath } from './netns-path.ts'
import { errorOf } from './outcome-error.ts'
import { type Subscription, type SubscriptionOptions, subscribe } from './subscription.ts'
import { createUnreadableTally, type Unreadable } from './unreadable.ts'

/** One request: its type (nlmsg_type), and the payload as a value with its codec. */
export interface Query<Q> {
  readonly type: number
  /** NLM_F_* beyond REQUEST and ACK, which every request has, and DUMP, which every dump has. Default 0. */
  readonly flags?: number
  readonly body: Codec<Q>
  readonly value: Q
  /** What NetlinkError calls it: the operation (`link.create`) and whom it concerns. Default: the type's number. */
  readonly op?: string
  readonly subject?: string
}

/** A request whose answers are read by `answer`. */
export interface TypedQuery<Q, A> extends Query<Q> {
  readonly answer: Codec<A>
  /** Answers of another nlmsg_type are passed over. */
  readonly answerType?: number
  /**
   * So are those whose payload begins with another byte: of rtnetlink the address family. A kernel without a handler for the
   * family that is asked for answers for all of them.
   */
  readonly answerFamily?: number
}

/** Calls are answered in order. Each rejects with TypeError or RangeError before anything is sent, or as Rtnl's do. */
export interface Netlink extends AsyncDisposable {
  /** Netlink port ID of the request socket: what `portId` of a message that it caused is. */
  readonly portId: number
  /** Sends it with NLM_F_ACK and brings all that is answered before the acknowledgement. NetlinkError: the kernel refused. */
  request<Q, A>(query: TypedQuery<Q, A>, options?: CallOptions): Promise<A[]>
  request<Q>(query: Query<Q>, options?: CallOptions): Promise<NetlinkMessage[]>
  /**
   * With NLM_F_DUMP; repeated up to five times within 100 ms where the kernel marks it as interrupted. Of a socket that fails on the
   * way NetlinkSocketError has what had come, as `partial`.
   */
  dump<Q, A>(query: TypedQuery<Q, A>, options?: CallOptions): Promise<Dump<A[]>>
  dump<Q>(query: Query<Q>, options?: CallOptions): Promise<Dump<NetlinkMessage[]>>
  /** Hears multicast groups, on a socket and a thread of their own. */
  subscribe(options: SubscriptionOptions): Subscription
  /** Rejects what is queued with NetlinkSocketError(ECANCELED), ends subscriptions; resolves when the socket is closed. */
  close(): Promise<void>
}

/** NETLINK_*: the families that need a name here; any other by its number. */
const PROTOCOLS = { route: 0, sock_diag: 4, xfrm: 6, netfilter: 12, kobject_uevent: 15, generic: 16 } as const

export type NetlinkProtocol = keyof typeof PROTOCOLS | number

export interface NetlinkOptions {
  readonly protocol: NetlinkProtocol
  /** As RtnlOptions has it. */
  readonly netns?: NetnsRef
  /** How long one answer may take, milliseconds; default 10,000. */
  readonly timeoutMs?: number
}

const DEFAULT_TIMEOUT_MS = 10_000
const USER_BUFFER = 32_768

/** Opens a socket of a netlink family in a network namespace, at once. Throws NetlinkSocketError, TypeError, RangeError. */
export function openNetlink(options: NetlinkOptions): Netlink {
  const of = fieldsOf('options', options, ['protocol', 'netns', 'timeoutMs'])
  const protocol = protocolOf(of.protocol)
  const netns = optional('netns', of.netns, netnsPath) ?? ''
  const limit = optional('timeoutMs', of.timeoutMs, (field, ms) => asInteger(field, ms, 1, 0x7fffffff))
  const opened = loadAddon().openSocket(netns, limit ?? DEFAULT_TIMEOUT_MS, 0, USER_BUFFER, 0, protocol)
  if (opened.socket === undefined) throw errorOf(opened, 'open', netns === '' ? 'this network namespace' : netns)
  return netlinkOver(opened.socket)
}

function protocolOf(protocol: unknown): number {
  if (typeof protocol === 'number') return asInteger('protocol', protocol, 0, 31)
  if (typeof protocol !== 'string' || !Object.hasOwn(PROTOCOLS, protocol))
    throw new RangeError(`protocol: ${shown(protocol)} is none of ${Object.keys(PROTOCOLS).join(', ')}, nor a number`)
  return PROTOCOLS[protocol as keyof typeof PROTOCOLS]
}

/** Over a socket of the addon, which it closes; `call`: where others make calls of the same socket. */
export function netlinkOver(socket: AddonSocket, call: Caller = createCaller(socket)): Netlink {
  const subscriptions = new Set<Subscription>()
  let closing: Promise<void> | undefined
  const exchange = async (query: CheckedQuery, dump: boolean, options?: CallOptions): Promise<RecordsOutcome> => {
    const { type, flags, body, value, op, subject } = query
    const request = encodeMessage(type, dump ? flags | NLM_F_DUMP : flags, body, value)
    const outcome = await call(options, () => socket.transact(request, dump))
    if (outcome.kind === OUTCOME_DONE) return outcome
    const attribute = (offset: number): string | undefined => attributeAt(request, body, offset)
    if (!dump || outcome.kind !== OUTCOME_SOCKET) throw errorOf(outcome, op, subject, { attribute })
    const came = readAnswers(query, outcome)
    throw errorOf(outcome, op, subject, {
      partial: { value: came.value, interrupted: true, unreadable: came.unreadable } satisfies Dump<unknown[]>,
    })
  }
  const request = async (query: Query<unknown>, options?: CallOptions) => {
    const checked = asQuery(query)
    const { value, isWhole } = readAnswers(checked, await exchange(checked, false, options))
    if (!isWhole) throw new NetlinkProtocolError(`${checked.op} ${checked.subject}: the answer cannot be read`)
    return value
  }
  const dump = async (query: Query<unknown>, options?: CallOptions) => {
    const checked = asQuery(query)
    const outcome = await exchange(checked, true, options)
    const { value, unreadable } = readAnswers(checked, outcome)
    return { value, interrupted: outcome.interrupted === true, unreadable }
  }
  const netlink = {
    portId: socket.portId,
    request,
    dump,
    subscribe(options: SubscriptionOptions) {
      const subscription = subscribe(socket, options, () => subscriptions.delete(subscription))
      subscriptions.add(subscription)
      return subscription
    },
    close() {
      closing ??= (async () => {
        for (const subscription of [...subscriptions]) subscription.close()
        await socket.close()
      })()
      return closing
    },
    [Symbol.asyncDispose]: () => netlink.close(),
  }
  return netlink as Netlink
}

interface Answers {
  readonly value: unknown[]
  /** What gave no value, or not all of it. */
  readonly unreadable: Unreadable | undefined
  /** Each gave a value. */
  readonly isWhole: boolean
}

/** Values of the answers, or the messages themselves. */
function readAnswers(query: CheckedQuery, { records }: RecordsOutcome): Answers {
  const { answer, answerType, answerFamily } = query
  const bytes = new Uint8Array(records ?? new ArrayBuffer(0))
  const view = new DataView(bytes.buffer)
  const tally = createUnreadableTally()
  const value: unknown[] = []
  const faults: string[] = []
  let isWhole = true
  eachFrame(view, (type, from, to) => {
    if (answerType !== undefined && type !== answerType) return
    const start = from + HEADER_BYTES
    if (answerFamily !== undefined && (start === to || view.getUint8(start) !== answerFamily)) return
    if (answer === undefined) {
      value.push(messageAt(view, bytes, from, to))
      return
    }
    const one = answer.read(view, start, to, '', faults)
    if (one === undefined) isWhole = false
    else value.push(one)
    if (one !== undefined && faults.length === 0) return
    tally.add(bytes.subarray(start, to))
    faults.length = 0
  })
  return { value, unreadable: tally.found, isWhole }
}

interface CheckedQuery {
  readonly type: number
  readonly flags: number
  readonly body: Codec<unknown>
  readonly value: unknown
  readonly answer: Codec<unknown> | undefined
  readonly answerType: number | undefined
  readonly answerFamily: number | undefined
  readonly op: string
  readonly subject: string
}

const QUERY_KEYS = ['type', 'flags', 'body', 'value', 'answer', 'answerType', 'answerFamily', 'op', 'subject'] as const

function asQuery(value: unknown): CheckedQuery {
  const of = fieldsOf('query', value, QUERY_KEYS)
  const type = asInteger('type', of.type, 16, 0xffff)
  return {
    type,
    flags: optional('flags', of.flags, (field, flags) => asInteger(field, flags, 0, 0xffff)) ?? 0,
    body: asCodec('body', of.body),
    value: of.value,
    answer: optional('answer', of.answer, asCodec),
    answerType: optional('answerType', of.answerType, (field, number) => asInteger(field, number, 0, 0xffff)),
    answerFamily: optional('answerFamily', of.answerFamily, (field, number) => asInteger(field, number, 0, 0xff)),
    op: optional('op', of.op, asString) ?? 'request',
    subject: optional('subject', of.subject, asString) ?? `of type ${type}`,
  }
}

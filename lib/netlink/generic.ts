/**
 * Generic netlink: families by name (`wireguard`, `ethtool`, `nl80211`), whose numbers and multicast groups the kernel gives out
 * when they are loaded. Must not: know what a family says.
 */

import { constants } from 'node:os'
import { NetlinkError } from '../errors.ts'
import { wrongValue } from '../util/wrong-input.ts'
import { type Attributes, type AttributeValues, attributes, listOf } from './attributes.ts'
import type { CallOptions } from './call.ts'
import { asInteger, asList, asObject, asString, copyOf, fieldsOf } from './check.ts'
import type { Codec } from './codec.ts'
import type { Dump } from './dump.ts'
import { message } from './message.ts'
import { type Netlink, type NetlinkOptions, openNetlink, type TypedQuery } from './netlink.ts'
import { text, u8, u16, u32 } from './scalars.ts'
import { pad, struct } from './structs.ts'
import { SUBSCRIPTION_KEYS, type Subscription, type SubscriptionOptions } from './subscription.ts'

/** GENL_ID_CTRL and its commands and attributes (linux/genetlink.h). */
const CONTROLLER = 16
const CTRL_CMD_GETFAMILY = 3

/** struct genlmsghdr. */
const head = struct({ command: u8, version: u8, reserved: pad(2) })

const group = attributes({ name: [1, text], id: [2, u32] })
const controller = message(
  head,
  attributes({
    familyId: [1, u16],
    familyName: [2, text],
    familyVersion: [3, u32],
    headerBytes: [4, u32],
    groups: [7, listOf(group)],
  }),
)

// biome-ignore lint/suspicious/noExplicitAny: the type of each attribute is inferred from its codec
type Schema = Attributes<any>
type Values<S> = S extends Attributes<infer F> ? AttributeValues<F> : never

export interface GenericQuery<S extends Schema> {
  /** The family's command number. */
  readonly command: number
  readonly schema: S
  readonly value: Values<S>
  /** NLM_F_*, as Query has them. */
  readonly flags?: number
  readonly op?: string
  readonly subject?: string
}

export interface GenericFamily {
  readonly name: string
  /** The number of its messages, since it was loaded. */
  readonly id: number
  readonly version: number
  /** Its multicast groups, by name. */
  readonly groups: ReadonlyMap<string, number>
  /** The answers, read by the same schema, each with its `command`. */
  request<S extends Schema>(query: GenericQuery<S>, options?: CallOptions): Promise<(Values<S> & { command: number })[]>
  dump<S extends Schema>(
    query: GenericQuery<S>,
    options?: CallOptions,
  ): Promise<Dump<(Values<S> & { command: number })[]>>
  /** Hears groups of the family, by their names. RangeError for one that it has not. */
  subscribe(groups: readonly string[], options?: Omit<SubscriptionOptions, 'groups'>): Subscription
  /** What a message of a subscription says, by the family's schema; undefined: it is none of this family, or cannot be read. */
  codec<S extends Schema>(schema: S): Codec<Values<S> & { command: number }>
}

export interface Generic extends AsyncDisposable {
  readonly netlink: Netlink
  /** undefined: the kernel has no such family, and could load none. */
  family(name: string, options?: CallOptions): Promise<GenericFamily | undefined>
  close(): Promise<void>
}

/** Opens generic netlink in a network namespace. Throws as openNetlink does. */
export function openGeneric(options: Omit<NetlinkOptions, 'protocol'> = {}): Generic {
  const of = fieldsOf('options', options, ['netns', 'timeoutMs']) as typeof options
  const netlink = openNetlink({ ...of, protocol: 'generic' })
  return {
    netlink,
    async family(name, callOptions) {
      checkName(name)
      const value = { command: CTRL_CMD_GETFAMILY, version: 1, familyName: name }
      const query = { type: CONTROLLER, body: controller, value, answer: controller, op: 'genl.family', subject: name }
      try {
        const [found] = await netlink.request(query, callOptions)
        return found?.familyId === undefined ? undefined : familyOver(netlink, { ...found, id: found.familyId, name })
      } catch (error) {
        if (error instanceof NetlinkError && error.errno === constants.errno.ENOENT) return undefined
        throw error
      }
    },
    close: () => netlink.close(),
    [Symbol.asyncDispose]: () => netlink.close(),
  }
}

const QUERY_KEYS = ['command', 'schema', 'value', 'flags', 'op', 'subject'] as const

/** GENL_NAMSIZ, with the zero at its end. */
const NAME_BYTES = 16

/** null is no default, and is refused where it is looked at. */
function defaultTo(standard: unknown, value: unknown): unknown {
  return value === undefined ? standard : value
}

function checkName(name: unknown): void {
  const given = asString('name', name)
  if (given === '' || /[\0\p{Cs}]/u.test(given) || Buffer.byteLength(given) >= NAME_BYTES)
    throw wrongValue('name', given, 'is not the name of a family')
}

interface Found {
  readonly name: string
  readonly id: number
  readonly familyVersion?: number | undefined
  readonly groups?: readonly { readonly name?: string | undefined; readonly id?: number | undefined }[] | undefined
}

function familyOver(netlink: Netlink, found: Found): GenericFamily {
  const { name, id } = found
  const version = (found.familyVersion ?? 1) & 0xff
  const groups = new Map<string, number>()
  for (const one of found.groups ?? []) if (one.name !== undefined && one.id !== undefined) groups.set(one.name, one.id)
  const codec = <S extends Schema>(schema: S) =>
    message(head, schema) as unknown as Codec<Values<S> & { command: number }>
  const queryOf = <S extends Schema>(query: GenericQuery<S>) => {
    const of = fieldsOf('query', query, QUERY_KEYS)
    const command = asInteger('command', of.command, 0, 0xff)
    const both = codec(of.schema as S)
    const whole: TypedQuery<Values<S> & { command: number }, Values<S> & { command: number }> = {
      type: id,
      flags: defaultTo(0, of.flags) as number,
      body: both,
      value: { ...(asObject('value', of.value) as Values<S>), command, version },
      answer: both,
      answerType: id,
      op: defaultTo(`${name}.request`, of.op) as string,
      subject: defaultTo(`command ${command}`, of.subject) as string,
    }
    return whole
  }
  return {
    name,
    id,
    version,
    groups,
    request: async (query, options) => netlink.request(queryOf(query), options),
    dump: async (query, options) => netlink.dump(queryOf(query), options),
    subscribe(names, options = {}) {
      const numbers = asList('groups', names, (field, one) => {
        const number = groups.get(asString(field, one))
        if (number !== undefined) return number
        throw wrongValue(field, one, `is none of ${name}: ${[...groups.keys()].join(', ') || 'it has none'}`)
      })
      const of = copyOf('options', options, SUBSCRIPTION_KEYS)
      return netlink.subscribe({ ...of, groups: numbers })
    },
    codec,
  }
}

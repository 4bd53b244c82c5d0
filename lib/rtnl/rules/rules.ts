/** Policy rules: listed and written as whole values. Must not: retry, decide or log. */
import { cidrFamily, networkAddress, prefixLength } from '../../net/cidr.ts'
import { FAMILIES, type Family } from '../../net/ip.ts'
import { type CallOptions, checkCallOptions } from '../../netlink/call.ts'
import { asFamily, asFlag, asIfname, asInteger, asNetwork, copyOf, optional } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Dump } from '../../netlink/dump.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import * as inet from '../inet.ts'
import { ruleReader } from './read-rule.ts'
import type { Masked, NumberRange, RuleDetails, RuleSpec } from './rule.ts'
import * as schema from './schema.ts'

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface Rules {
  /** In the order in which the kernel asks them, IPv4 first. A kernel without policy routing of a family has none of it. */
  listRules(
    filter?: { readonly family?: Family | undefined },
    options?: CallOptions,
  ): Promise<Dump<readonly RuleDetails[]>>
  /** EEXIST: there is the same one. */
  addRule(rule: RuleSpec, options?: CallOptions): Promise<void>
  /**
   * The first rule that has all that is given; what is not given matches any. A RuleDetails that was read deletes itself, or an
   * equal one. ENOENT: there is none. RangeError where nothing but the family is given: the kernel would take the first of all.
   */
  deleteRule(rule: RuleSpec, options?: CallOptions): Promise<void>
}

const KEYS = [
  ...'family priority action table goto inverted src dst iif oif fwmark tos dscp flowLabel tunnelId l3mdev uidRange'.split(
    ' ',
  ),
  ...'ipProtocol sport dport sportMask dportMask suppressPrefixLength suppressInterfaceGroup realm protocol'.split(' '),
  'status',
]
const RTPROT_BOOT = 3
const body = inet.called('rule', schema.ruleMessage)
const answer = { ...schema.ruleMessage, ...ruleReader } as unknown as Codec<RuleDetails>

export function rulesOver(netlink: Netlink): Rules {
  const dumpOf = async (family: Family, options?: CallOptions) => {
    const query = { type: schema.RTM_GETRULE, body: schema.ruleMessage, value: { family }, answer }
    const answers = { answerType: schema.RTM_NEWRULE, answerFamily: inet.AF[family], op: 'rule.list', subject: family }
    try {
      return await netlink.dump({ ...query, ...answers }, options)
    } catch (error) {
      if (inet.isNothing(error)) return inet.NOTHING
      throw error
    }
  }
  const write = async (op: string, type: number, flags: number, rule: RuleSpec, options?: CallOptions) => {
    const value = rawRule(rule, type === schema.RTM_DELRULE)
    const subject = `${value.family} ${value.priority === undefined ? 'of no priority' : `of priority ${value.priority}`}`
    await netlink.request({ type, flags, body, value, op, subject }, options)
  }
  return {
    async listRules(filter = {}, options) {
      const { family } = copyOf('filter', filter, ['family'])
      const call = checkCallOptions(options)
      const families = family === undefined ? FAMILIES : [asFamily('filter.family', family)]
      const dumps: Dump<readonly RuleDetails[]>[] = []
      for (const one of families) dumps.push(await dumpOf(one, call))
      return inet.joinDumps(dumps)
    },
    addRule: (rule, options) => write('rule.add', schema.RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule, options),
    deleteRule: (rule, options) => write('rule.delete', schema.RTM_DELRULE, 0, rule, options),
  }
}

function rawRule(spec: RuleSpec, isDelete: boolean): schema.RawRule {
  const given = copyOf('rule', spec, KEYS)
  const src = given.src === undefined ? undefined : asNetwork('rule.src', given.src)
  const dst = given.dst === undefined ? undefined : asNetwork('rule.dst', given.dst)
  const family = familyOfRule(given, src === undefined ? undefined : cidrFamily(src), dst && cidrFamily(dst))
  const { priority, table, tos, l3mdev, inverted, protocol, realm } = given
  if (isDelete && !saysWhich(given)) throw new RangeError('rule: nothing says which one to delete')
  if (family === 'ipv6') inet.refuseOf(family, 'rule.realm', realm)
  else inet.refuseOf(family, 'rule.flowLabel', given.flowLabel)
  const action = actionOf(given, isDelete)
  return {
    family,
    srcLength: src === undefined ? 0 : prefixLength(src),
    dstLength: dst === undefined ? 0 : prefixLength(dst),
    tos,
    action,
    flags: asFlag('rule.inverted', inverted) === true ? schema.FIB_RULE_INVERT : 0,
    src: src === undefined ? undefined : networkAddress(src),
    dst: dst === undefined ? undefined : networkAddress(dst),
    iif: optional('rule.iif', given.iif, asIfname),
    oif: optional('rule.oif', given.oif, asIfname),
    priority: priority === undefined ? undefined : asInteger('rule.priority', priority, 0, 0xffffffff),
    table: table === undefined ? undefined : asInteger('rule.table', table, 1, 0xffffffff),
    goto: given.goto,
    ...maskOf('rule.fwmark', given.fwmark, 0xffffffff, 'fwmark', 'fwmask'),
    ...maskOf('rule.dscp', given.dscp, 0x3f, 'dscp', 'dscpMask'),
    ...maskOf('rule.flowLabel', given.flowLabel, 0xfffff, 'flowLabel', 'flowLabelMask'),
    tunnelId: given.tunnelId,
    l3mdev: asFlag('rule.l3mdev', l3mdev) === true ? 1 : undefined,
    uidRange: rangeOf('rule.uidRange', given.uidRange, 0, 0xffffffff),
    ipProtocol: given.ipProtocol,
    sport: rangeOf('rule.sport', given.sport, 1, 0xfffe),
    dport: rangeOf('rule.dport', given.dport, 1, 0xfffe),
    sportMask: given.sportMask,
    dportMask: given.dportMask,
    suppressPrefixLength: given.suppressPrefixLength,
    suppressInterfaceGroup: given.suppressInterfaceGroup,
    realm,
    protocol: protocol === undefined && !isDelete ? RTPROT_BOOT : protocol,
  }
}

function familyOfRule(given: RuleSpec, src: Family | undefined, dst: Family | undefined): Family {
  const family = given.family === undefined ? undefined : asFamily('rule.family', given.family)
  if (src !== undefined && dst !== undefined && src !== dst)
    throw new RangeError('rule.src: not of the family of `dst`')
  const implied = src ?? dst
  if (family !== undefined && implied !== undefined && family !== implied)
    throw new RangeError(`rule.${src === undefined ? 'dst' : 'src'}: not of the family ${family}`)
  const found = family ?? implied
  if (found === undefined) throw new TypeError("rule.family: neither it nor `src` or `dst` says 'ipv4' or 'ipv6'")
  return found
}

/** In a deletion 0 (unspec) matches any. */
function actionOf({ action, goto, table, l3mdev }: RuleSpec, isDelete: boolean): NonNullable<schema.RawRule['action']> {
  const usual = goto !== undefined ? 'goto' : isDelete ? 0 : 'lookup'
  const chosen = action === undefined ? usual : action
  const is = inet.asRead(schema.action8, 'rule.action', chosen)
  if (isDelete) return is
  if (is === 'goto' && goto === undefined) throw new TypeError('rule.goto: `action` goto needs a target')
  if (is !== 'goto' && goto !== undefined) throw new RangeError(`rule.goto: \`action\` is ${is}`)
  if (is === 'lookup' && table === undefined && l3mdev !== true)
    throw new TypeError('rule.table: `action` lookup needs one')
  return is
}

/** Anything but the family, and what is read of every rule whatever it is for. */
function saysWhich(given: RuleSpec): boolean {
  const { family, tos, l3mdev, inverted, protocol, ...rest } = given
  return (tos ?? 0) !== 0 || l3mdev === true || Object.entries(rest).some(([, value]) => value !== undefined)
}

function rangeOf(name: string, value: NumberRange | undefined, least: number, most: number): NumberRange | undefined {
  if (value === undefined) return undefined
  const given = copyOf(name, value, ['start', 'end'])
  const start = asInteger(`${name}.start`, given.start, least, most)
  const end = asInteger(`${name}.end`, given.end, least, most)
  if (end < start) throw new RangeError(`${name}.end: ${end} is before ${start}`)
  return { start, end }
}

function maskOf(name: string, masked: Masked | undefined, most: number, key: string, maskKey: string) {
  if (masked === undefined) return {}
  const given = copyOf(name, masked, ['value', 'mask'])
  const value = asInteger(`${name}.value`, given.value, 0, most)
  if (given.mask === undefined) return { [key]: value }
  return { [key]: value, [maskKey]: asInteger(`${name}.mask`, given.mask, 0, most) }
}

/** What a row of the tables of hostile calls is made of: which values a place may have, and how it is named. */

/** Whether a value may stand there. */
export type Legal = (value: unknown) => boolean

export interface Place {
  /** From the arguments on: `[0, 'peer', 'mtu']`. */
  readonly path: readonly (string | number)[]
  /** How the message begins. */
  readonly named: string
  readonly legal: Legal
}

export interface Row {
  /** Fresh, so that they can be spoilt. */
  readonly args: () => unknown[]
  readonly places: readonly Place[]
}

export const isInteger =
  (least: number, most: number): Legal =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
export const isOneOf =
  (...allowed: readonly unknown[]): Legal =>
  (value) =>
    allowed.includes(value)
export const maybe =
  (legal: Legal): Legal =>
  (value) =>
    value === undefined || legal(value)
export const never: Legal = () => false
export const isBoolean: Legal = (value) => typeof value === 'boolean'
export const isIfindex = isInteger(1, 2 ** 31 - 1)
export const isByte = isInteger(0, 255)
export const isFamily = isOneOf('ipv4', 'ipv6')
export const isOptions: Legal = (value) => value === undefined || isEmptyObject(value)
/** It has no field at all: no option is set, and nothing is asked for. */
export const isEmptyObject: Legal = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
export const isMtu = isInteger(0, 2 ** 31 - 1)
export const isPort = isInteger(1, 65_535)
export const isIfname: Legal = (value) =>
  typeof value === 'string' && /^[^/:\s\0\ud800]{1,15}$/.test(value) && value !== '.' && value !== '..'
export const isNetns: Legal = (value) =>
  typeof value === 'string' && value !== '' && !value.includes('\0') && value !== '\ud800' && value.length < 256

export function place(named: string, legal: Legal, ...path: readonly (string | number)[]): Place {
  return { path, named, legal }
}

/** `field.KEY` of argument `index` for each key. */
export function fields(field: string, index: number, legal: Readonly<Record<string, Legal>>): Place[] {
  return Object.entries(legal).map(([key, one]) => place(field === '' ? key : `${field}.${key}`, one, index, key))
}

export const ifindexOf = (rest: readonly unknown[] = [], places: readonly Place[] = []): Row => ({
  args: () => [1, ...structuredClone(rest)],
  places: [place('ifindex', isIfindex, 0), ...places],
})
export const familyRow = (legal: Legal = isFamily): Row => ({
  args: () => ['ipv4'],
  places: [place('family', legal, 0)],
})

export function isEmptyArray(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

export const lladdr = '0e:2a:00:00:00:01'

/** A namespace that is there, and that no request of a closed socket reaches. */
export const HERE = '/proc/self/ns/net'
export const isUint = isInteger(0, 2 ** 32 - 1)
export const isId = isInteger(1, 2 ** 32 - 1)
export const isVid = isInteger(1, 4094)
export const isShort = isInteger(0, 65_535)
/** One of the other family, or another kind: nothing may be said, and `false` says nothing. */
export const isUnset = isOneOf(undefined, false)
export const isNetwork = isOneOf('10.0.0.1/24')
export const isLabel: Legal = (value) =>
  typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 15 && !/[\0\p{Cs}]/u.test(value)
export const isLinkName: Legal = (value) => isIfname(value) || isOneOf('x'.repeat(100))(value)
export const plain = { ifname: isIfname, lladdr: maybe(never), mtu: maybe(isMtu) }
export const key = { ifindex: isIfindex, ip: never, prefixLength: isInteger(0, 32) }

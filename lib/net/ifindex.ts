/**
 * Interface indexes as values. A number that was valid a millisecond ago may name nothing, or another link, now:
 * keep one only inside the state that owns it, never beside it.
 */
import { wrongType } from '../util/wrong-input.ts'

declare const ifindexBrand: unique symbol
export type Ifindex = number & { readonly [ifindexBrand]: true }

/** 1 … 2^31-1 (the kernel's `int ifindex`); throws RangeError. */
export function parseIfindex(value: number): Ifindex {
  if (typeof value !== 'number') throw wrongType('interface index', 'a number', value)
  const ifindex = toIfindex(value)
  if (ifindex === undefined) throw new RangeError(`${value} is not an interface index`)
  return ifindex
}

/** What the kernel says is a link: undefined for a number that none can have. */
export function toIfindex(value: number): Ifindex | undefined {
  return Number.isInteger(value) && value >= 1 && value <= 0x7fffffff ? (value as Ifindex) : undefined
}

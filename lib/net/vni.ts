/** VXLAN network identifiers as values: 24 bits (RFC 7348, section 5). */
import { wrongType } from '../util/wrong-input.ts'

declare const vniBrand: unique symbol
export type Vni = number & { readonly [vniBrand]: true }

/** 0 … 16777215; throws RangeError naming the number. */
export function parseVni(value: number): Vni {
  if (typeof value !== 'number') throw wrongType('VNI', 'a number', value)
  if (!Number.isInteger(value) || value < 0 || value > 0xffffff)
    throw new RangeError(`VNI ${value} is outside 0 to 16777215`)
  return value as Vni
}

/** The metric of a peer's routes: deterministic, the same for its VXLAN and direct route. Must not: know what a peer is. */
import { type Cidr, prefixLength, subnetIndex } from '../net/cidr.ts'
import { addressBits, type Family } from '../net/ip.ts'

/** What the kernel stores for an IPv6 route without a metric; IPv6 needs no spread (kernel-facts 1). */
export const IPV6_METRIC = 1024

/** Metrics run from 1 up to this, below 2^32 - 1. */
const METRICS = 0xfffffffd

/**
 * IPv4: the subnet's index in the network plus one. A distinct metric a route makes insertion constant-time (kernel-facts 1);
 * never 0, which the kernel reads as "any" in a delete. Subnets of different length may share one: different prefixes.
 */
export function routeMetric(family: Family, network: Cidr, subnet: Cidr): number {
  if (family === 'ipv6') return IPV6_METRIC
  return Number(subnetIndex(network, subnet) % BigInt(METRICS)) + 1
}

/** The same for many: `address` is the subnet's network address as an unsigned number of 32 bits. */
export function ipv4Metric(networkBase: number, address: number, length: number): number {
  const size = 2 ** (addressBits('ipv4') - length)
  return (Math.floor((address - networkBase) / size) % METRICS) + 1
}

/** The lowest address of an IPv4 network as an unsigned number of 32 bits. */
export function ipv4Base(network: Cidr): number {
  return Number(subnetBase(network))
}

function subnetBase(network: Cidr): bigint {
  const whole = '0.0.0.0/0' as Cidr
  return subnetIndex(whole, network) << BigInt(addressBits('ipv4') - prefixLength(network))
}

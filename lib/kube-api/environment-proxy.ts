/**
 * The proxy that the environment names for a URL, by the rules of Go's net/http, which every other Kubernetes client follows.
 * Pure.
 */
import { BlockList, isIP } from 'node:net'

type Environment = Readonly<Record<string, string | undefined>>

/** A URL; undefined: none is named, or this host is excepted. Throws TypeError when what is named is no URL. */
export function environmentProxy(url: URL, env: Environment): string | undefined {
  const named = first(env, url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY')
  if (named === undefined || isExcepted(url, first(env, 'NO_PROXY') ?? '')) return undefined
  return new URL(/^[a-z0-9]+:\/\//i.test(named) ? named : `http://${named}`).href
}

function first(env: Environment, name: string): string | undefined {
  return env[name] || env[name.toLowerCase()] || undefined
}

function isExcepted(url: URL, exceptions: string): boolean {
  const host = bare(url.hostname.toLowerCase().replace(/\.$/, ''))
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (host === 'localhost' || isInside(host, '127.0.0.0/8') || host === '::1') return true
  return exceptions
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .some((one) => one === '*' || isInside(host, one) || isNamed(host, port, one))
}

/** An address of `[…]`, or what it is. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

function isInside(host: string, cidr: string): boolean {
  const [address = '', length = ''] = cidr.split('/')
  const [ours, theirs] = [isIP(host), isIP(address)]
  const bits = Number(length)
  if (length === '' || theirs === 0 || ours !== theirs || !(bits >= 0 && bits <= (theirs === 6 ? 128 : 32)))
    return false
  const type = theirs === 6 ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  list.addSubnet(address, bits, type)
  return list.check(host, type)
}

/** An address, or a domain: with a dot or `*.` before it, its subdomains alone; each with or without a port. */
function isNamed(host: string, port: string, exception: string): boolean {
  const [, whole = '', itsPort] = /^(\[.*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(exception) ?? []
  if (whole === '' || (itsPort !== undefined && itsPort !== port)) return false
  const name = bare(whole).replace(/^\*\./, '.')
  if (name.startsWith('.')) return host.endsWith(name)
  return host === name || (isIP(host) === 0 && host.endsWith(`.${name}`))
}

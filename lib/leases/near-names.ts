/**
 * The usual mistake in a node's name: another case, or with and without its domain. Must not: take one name for the other.
 */

/** More would be no help. */
const MOST = 3

/** `; there is …: set NODE_NAME=…` where some of `names` differ from `wanted` in no more than that; '' where none does. */
export function nearNamesHint(wanted: string, names: Iterable<string>): string {
  const near: string[] = []
  for (const name of names) if (isNear(wanted.toLowerCase(), name.toLowerCase())) near.push(name)
  const [first] = near
  if (first === undefined) return ''
  if (near.length === 1) return `; there is a Node ${first}: set NODE_NAME=${first}`
  const more = near.length > MOST ? ', …' : ''
  return `; there are Nodes ${near.slice(0, MOST).join(', ')}${more}: set NODE_NAME to this one's`
}

function isNear(wanted: string, name: string): boolean {
  return wanted === name || (hostOf(wanted) === hostOf(name) && !isIpv4(wanted) && !isIpv4(name))
}

function hostOf(name: string): string {
  const dot = name.indexOf('.')
  return dot < 0 ? name : name.slice(0, dot)
}

/** Nodes are named by their address, too. */
function isIpv4(name: string): boolean {
  return /^[0-9.]+$/.test(name)
}

/**
 * How a network namespace is named: by the name that `ip netns` gives it, by a path, by a process in it, or by an open
 * descriptor of it. Must not: open it; a path that leads to none is refused where it is opened.
 */

import { wrongType, wrongValue } from '../util/wrong-input.ts'
import { asInteger, asObject, fieldsOf } from './check.ts'

/**
 * `node1` is /run/netns/node1; what has a `/` is a path. `pid`: the namespace that the process is in when it is opened. `fd`: a
 * descriptor of this process, which stays the caller's and may be closed once the call has returned, or its promise is settled.
 */
export type NetnsRef = string | { readonly pid: number } | { readonly fd: number }

export const NETNS_FOLDER = '/run/netns'
// Without the zero byte at the end (linux/limits.h).
const LONGEST_NAME = 255
const LONGEST_PATH = 4095
/** PID_MAX_LIMIT of a 64-bit kernel. */
const LARGEST_PID = 1 << 22

/** TypeError for what names nothing, RangeError for an impossible name; both begin with `field`. */
export function netnsPath(field: string, value: unknown): string {
  if (typeof value === 'string') return pathOf(field, value)
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof URL)
    throw wrongType(field, 'a name, a path, { pid } or { fd }', value)
  const keys = Object.keys(asObject(field, value))
  if (keys.length !== 1 || (keys[0] !== 'pid' && keys[0] !== 'fd'))
    throw new TypeError(`${field}: an object is { pid } or { fd }, and nothing else`)
  const { pid, fd } = fieldsOf(field, value, ['pid', 'fd'])
  if (keys[0] === 'pid') return `/proc/${asInteger(`${field}.pid`, pid, 1, LARGEST_PID)}/ns/net`
  return `/proc/self/fd/${asInteger(`${field}.fd`, fd, 0, 0x7fffffff)}`
}

function pathOf(field: string, text: string): string {
  if (text.includes('\0') || /\p{Cs}/u.test(text)) throw wrongValue(field, text, 'cannot be the name of a file')
  const isPath = text.includes('/')
  if (Buffer.byteLength(text) > (isPath ? LONGEST_PATH : LONGEST_NAME))
    throw wrongValue(field, text, `is longer than a ${isPath ? 'path' : 'name'} can be`)
  if (isPath) return text
  if (text === '' || text === '.' || text === '..')
    throw wrongValue(field, text, 'is not the name of a network namespace')
  return `${NETNS_FOLDER}/${text}`
}

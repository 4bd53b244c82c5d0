/**
 * What is wrong with an addon that does not load, in a sentence. Looked at before it is loaded, because the dynamic loader's own
 * words mislead (a file for another processor "does not exist") and a truncated file ends the whole process by SIGBUS.
 * Must not: load anything, or say what to do (addon-place.ts).
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { libcOfNode } from './addon-place.ts'

/** The fault of a file that is not there. */
export const ABSENT = 'there is none'

const HEAD_BYTES = 64
const ELF = Buffer.from('\x7fELF', 'latin1')
/** e_machine and e_ident[EI_CLASS] by process.arch. */
const MACHINES: Readonly<Record<string, readonly [machine: number, class64: boolean]>> = {
  ia32: [3, false],
  ppc64: [21, true],
  s390x: [22, true],
  arm: [40, false],
  x64: [62, true],
  arm64: [183, true],
  riscv64: [243, true],
  loong64: [258, true],
}

/** undefined: nothing was found. */
export function faultOf(file: string): string | undefined {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return ABSENT
    if (code === 'EACCES')
      return `${file} may not be read by this user (its mode, a folder's above it, or a security module)`
    return `${file} cannot be opened: ${code}`
  }
  try {
    if (fstatSync(fd).isDirectory()) return `${file} is a folder`
    const head = Buffer.alloc(HEAD_BYTES)
    return headFault(file, head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0)), fstatSync(fd).size)
  } finally {
    closeSync(fd)
  }
}

function headFault(file: string, head: Buffer, size: number): string | undefined {
  if (size === 0) return `${file} is empty`
  if (!head.subarray(0, ELF.length).equals(ELF)) return `${file} is no program: it does not begin as one`
  if (head.length < HEAD_BYTES) return `${file} is truncated: it has ${size} bytes`
  const isBig = head[5] === 2
  const short = (at: number): number => (isBig ? head.readUInt16BE(at) : head.readUInt16LE(at))
  const machine = short(18)
  const wanted = MACHINES[process.arch]
  if (wanted !== undefined && (machine !== wanted[0] || (head[4] === 2) !== wanted[1])) {
    const name = Object.entries(MACHINES).find(([, [number]]) => number === machine)?.[0] ?? `machine ${machine}`
    return `${file} is built for ${name}, this is ${process.arch}`
  }
  if (head[4] !== 2) return undefined
  // The table of sections stands at the end of the file.
  const table = Number(isBig ? head.readBigUInt64BE(40) : head.readBigUInt64LE(40))
  const whole = table + short(58) * short(60)
  return size < whole ? `${file} is truncated: it has ${size} of ${whole} bytes` : undefined
}

/** Why the dynamic loader refused a file in which faultOf found nothing; `message` is what it said. */
export function loadFault(file: string, message: string): string {
  const [said = ''] = message.split('\n')
  const libc = libcOf(file)
  if (libc !== undefined && libc !== libcOfNode())
    return `${file} is built for ${libc}, and this Node runs on ${libcOfNode()}`
  const version = /version [`'](GLIBC(?:XX)?|CXXABI)_[\d.]+' not found/.exec(said)
  if (version !== null)
    return `${file} was compiled on a newer system: this one's ${version[1] === 'GLIBC' ? 'glibc' : 'libstdc++'} is too old for it (${said})`
  if (/failed to map segment|Operation not permitted/.test(said))
    return `${file} must not be executed where it lies: that file system is mounted noexec, or a security module forbids it (${said})`
  if (/loading addons is disabled/.test(said))
    return `this process must not load addons: it was started with --no-addons, or with --permission without --allow-addons (${said})`
  return `${file}: ${said}`
}

function libcOf(file: string): 'musl' | 'glibc' | undefined {
  try {
    const bytes = readFileSync(file)
    if (bytes.includes('\0libc.so.6\0')) return 'glibc'
    return bytes.includes('\0libc.so\0') || bytes.includes('\0libc.musl-') ? 'musl' : undefined
  } catch {
    return undefined
  }
}

// What a built addon asks of the machine it is loaded on, read from its dynamic section by readelf: a prebuilt one must run on
// every host that vtepd supports, whatever C++ library that has.
import { execFileSync } from 'node:child_process'

const MACHINES = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' }
const LIBRARIES = {
  glibc: /^(?:lib(?:c|m)\.so\.6|lib(?:pthread|dl|rt)\.so\.\d|ld-linux-[\w-]+\.so\.\d)$/,
  musl: /^libc\.(?:so|musl-\w+\.so\.1)$/,
}
const OLDEST_GLIBC = [2, 28]
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** Throws where the addon `file` is not one for `target` (linux-ARCH-LIBC), or asks for more than every such machine has. */
export function checkAddon(file, target) {
  const [, arch, libc] = target.split('-')
  const { machine, needed, symbols, sections } = readAddon(file)
  const wrong = []
  if (machine !== MACHINES[arch]) wrong.push(`it is for ${machine}`)
  for (const library of needed) if (!LIBRARIES[libc].test(library)) wrong.push(`it needs ${library}`)
  for (const { name, version, defined } of symbols) {
    if (version !== undefined && !defined && isTooNew(version)) wrong.push(`${name} needs ${version}`)
    if (defined && !EXPORTS.includes(name)) wrong.push(`it shows ${name}, which may stand in another library's way`)
    if (!defined && name.startsWith('_Z')) wrong.push(`${name} is to come from the host's C++ library`)
  }
  if (/\.(?:symtab|debug_\w+|note\.gnu\.build-id)\b/.test(sections)) wrong.push('it is not stripped, or has a build ID')
  if (wrong.length > 0) throw new Error(`${file} is no addon for ${target}:\n  ${wrong.join('\n  ')}`)
}

/** Names of undefined symbols that neither Node-API nor the loader resolves: what the C library has to have. */
export function wantedOfLibc(file) {
  const wanted = readAddon(file).symbols.filter(({ defined, isWeak }) => !defined && !isWeak)
  return wanted.map(({ name }) => name).filter((name) => !/^(?:napi|node_api)_/.test(name))
}

/** Names of the symbols that a shared library offers. */
export function offeredBy(library) {
  return readAddon(library)
    .symbols.filter(({ defined }) => defined)
    .map(({ name }) => name)
}

function readAddon(file) {
  const header = readelf('--file-header', file)
  const symbols = [...readelf('--dyn-syms', file).matchAll(/^ +\d+: \w+ +\S+ (\w+) +(\w+) +(\w+) +(\w+) (\S+)/gm)]
  return {
    machine: /^ +Machine: +(.+)$/m.exec(header)?.[1],
    needed: [...readelf('--dynamic', file).matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name),
    sections: readelf('--section-headers', file),
    symbols: symbols.map(([, , bind, , index, text]) => {
      const [name, version] = text.split(/@+/)
      return { name, version, defined: index !== 'UND', isWeak: bind === 'WEAK' }
    }),
  }
}

function isTooNew(version) {
  const [, major, minor] = /^GLIBC_(\d+)\.(\d+)/.exec(version) ?? []
  return major === undefined || Number(major) > OLDEST_GLIBC[0] || Number(minor) > OLDEST_GLIBC[1]
}

function readelf(what, file) {
  try {
    return execFileSync('readelf', ['--wide', what, file], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      env: { ...process.env, LC_ALL: 'C' },
    })
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error('readelf is missing (on Debian: apt-get install binutils)')
    throw error
  }
}

/** The two native build files and the sources agree: binding.gyp has the one list, CMakeLists.txt reads it from there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, readSource } from '../support/source-files.ts'

/** Lowest first; each may include only those before it (native/README.md). */
const FLOORS = ['base', 'nl', 'rtnl', 'nft', 'packet', 'sock', 'napi']

const sources = listFiles('native/src', '')

test('binding.gyp is strict JSON and lists exactly the sources in native/src, floor by floor, sorted', () => {
  const { targets } = JSON.parse(readSource('binding.gyp').text) as { targets: { sources: string[] }[] }
  const listed = targets[0]?.sources ?? []
  assert.deepEqual([...listed].sort(), sources)
  assert.deepEqual(
    listed,
    FLOORS.flatMap((floor) => listFiles(`native/src/${floor}`, '')),
  )
})

test('CMakeLists.txt takes the list from binding.gyp and names no source of the addon itself', () => {
  const text = readSource('CMakeLists.txt').text.replace(/#.*$/gm, '')
  assert.match(text, /file\(\s*READ\s+\S*binding\.gyp/i)
  assert.match(text, /CMAKE_CONFIGURE_DEPENDS[^)]*binding\.gyp/)
  assert.deepEqual(text.match(/native\/src\/\S+\.(?:cc|h)\b/g), null)
})

test('a floor of the addon includes only itself and those below, and only napi knows Node-API, only sock system calls', () => {
  const breaches = sources.flatMap((file) => {
    const own = FLOORS.indexOf(file.split('/')[2] ?? '')
    return [...readSource(file).text.matchAll(/^\s*#\s*include\s+([<"])([^>"]+)[>"]/gm)].flatMap(
      ([, kind, header = '']) => {
        const other = FLOORS.indexOf(header.split('/')[0] ?? '')
        if (kind === '"' && other > own) return [`${file} includes ${header}: includes run downwards only`]
        if (/napi\.h|node_api/.test(header) && own !== FLOORS.indexOf('napi'))
          return [`${file} includes ${header}: everything below napi is built and fuzzed without Node`]
        if (
          /^(?:poll|sched|sys\/eventfd|unistd)\.h$/.test(header) &&
          own < FLOORS.indexOf('sock') &&
          file !== 'native/src/base/unique_fd.h'
        )
          return [`${file} includes <${header}>: what is below sock makes no system calls, so that it can be fuzzed`]
        return []
      },
    )
  })
  assert.deepEqual(breaches, [])
})

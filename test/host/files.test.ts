import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, watch } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../lib/host/clock.ts'
import { listFolder, readAsWritten, readBytesIfExists, readIfExists, replaceFile } from '../../lib/host/files.ts'
import { watchFile } from '../../lib/host/watch-file.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vtepd-files-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777

test('a file is replaced whole, with its mode and its folders, whatever the umask', async (t) => {
  const folder = await folderFor(t)
  const before = process.umask(0o077)
  t.after(() => process.umask(before))
  const file = path.join(folder, 'a', 'b', 'subnet.env')
  await replaceFile(file, 'one\n')
  await replaceFile(file, 'two\n')
  assert.equal(await readFile(file, 'utf8'), 'two\n')
  assert.equal(await modeOf(file), 0o644)
  assert.equal(await modeOf(path.join(folder, 'a')), 0o755)
  assert.equal(await modeOf(path.join(folder, 'a', 'b')), 0o755)
  assert.deepEqual(await readdir(path.dirname(file)), ['subnet.env'], 'nothing is left beside it')
})

test('a folder that exists keeps its mode', async (t) => {
  const folder = await folderFor(t)
  await chmod(folder, 0o700)
  await replaceFile(path.join(folder, 'x'), 'x', 0o600)
  assert.equal(await modeOf(folder), 0o700)
  assert.equal(await modeOf(path.join(folder, 'x')), 0o600)
})

test('replacing is a rename: a reader that has the old file open reads the old text to its end', async (t) => {
  const file = path.join(await folderFor(t), 'x')
  await replaceFile(file, 'old')
  const { ino } = await stat(file)
  await replaceFile(file, 'new')
  assert.notEqual((await stat(file)).ino, ino)
})

test('a file that cannot be written leaves the old one and nothing beside it', async (t) => {
  const folder = await folderFor(t)
  await mkdir(path.join(folder, 'x'))
  await writeFile(path.join(folder, 'x', 'inside'), '')
  await assert.rejects(replaceFile(path.join(folder, 'x'), 'text'), /EISDIR|ENOTEMPTY|EEXIST/)
  assert.deepEqual(await readdir(folder), ['x'])
})

test('the name of an unfinished file cannot be guessed', async (t) => {
  const folder = await folderFor(t)
  const seen = new Set<string>()
  for (let i = 0; i < 2; i += 1)
    await replaceFile(
      path.join(folder, 'x'),
      (function* () {
        for (const name of readdirSync(folder)) if (name !== 'x') seen.add(name)
        yield Buffer.from('x')
      })(),
    )
  assert.equal(seen.size, 2)
  for (const name of seen) assert.match(name, /^\.x\.[0-9a-f]{16}\.tmp$/)
})

test('two replacements at a time do not mix', async (t) => {
  const file = path.join(await folderFor(t), 'x')
  const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(100_000))
  await Promise.all(texts.map((text) => replaceFile(file, text)))
  assert.ok(texts.includes(await readFile(file, 'utf8')))
})

test('a missing file reads as undefined, another trouble rejects', async (t) => {
  const folder = await folderFor(t)
  await writeFile(path.join(folder, 'x'), 'text')
  assert.equal(await readIfExists(path.join(folder, 'x')), 'text')
  assert.equal(await readIfExists(path.join(folder, 'none')), undefined)
  assert.equal(await readIfExists(path.join(folder, 'x', 'below')), undefined)
  await assert.rejects(readIfExists(folder), /EISDIR/)
})

/** Follows `file`; `change` does something to it and resolves when the watch has told of it. */
function follow(t: TestContext, file: string, clock = systemClock) {
  let told = 0
  let wake: () => void = () => undefined
  const watch = watchFile(
    file,
    () => {
      told += 1
      wake()
    },
    { clock },
  )
  t.after(() => watch.close())
  return {
    watch,
    told: () => told,
    async change(what: () => Promise<unknown>): Promise<void> {
      const heard = new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('not told in time')), 10_000)
        wake = () => {
          clearTimeout(late)
          resolve()
        }
      })
      await what()
      await heard
    },
  }
}

/** A watch of its own hears of a later file: so everybody has heard of what was before. */
async function eventsArePast(folder: string): Promise<void> {
  const above = path.dirname(folder)
  const heard = new Promise<void>((resolve) => {
    const watcher = watch(above, (_, name) => {
      if (name !== 'marker') return
      watcher.close()
      resolve()
    })
  })
  await writeFile(path.join(above, 'marker'), '')
  await heard
}

/** Stands still, so that only the kernel's events can tell of a change. */
const still = (): ManualClock => createManualClock()

test('a watch tells of writing in place, renaming over, deleting and making again', async (t) => {
  const file = path.join(await folderFor(t), 'leases.yaml')
  await writeFile(file, 'one')
  const { change } = follow(t, file, still())
  await change(() => writeFile(file, 'two more'))
  await change(() => replaceFile(file, 'three'))
  await change(() => rm(file))
  await change(() => writeFile(file, 'four'))
  await change(() => replaceFile(file, 'five'))
})

test('a watch tells of a file that comes later, in a folder that comes later', async (t) => {
  const folder = await folderFor(t)
  const file = path.join(folder, 'etc', 'vtepd', 'leases.yaml')
  const { change } = follow(t, file, still())
  await change(() => replaceFile(file, 'text'))
})

test('a watch tells of a folder that was deleted and made again', async (t) => {
  const folder = path.join(await folderFor(t), 'etc')
  const file = path.join(folder, 'leases.yaml')
  await replaceFile(file, 'one')
  const { change } = follow(t, file, still())
  await change(() => rm(folder, { recursive: true }))
  await change(() => replaceFile(file, 'two'))
})

test('a watch tells of a folder that was made again before anybody could look', async (t) => {
  const folder = path.join(await folderFor(t), 'etc')
  const file = path.join(folder, 'leases.yaml')
  await replaceFile(file, 'one')
  const { change } = follow(t, file, still())
  await change(async () => {
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
  })
  await eventsArePast(folder)
  await change(() => writeFile(file, 'two'))
})

test('a watch tells of writing in place behind a symlink into another folder', async (t) => {
  const folder = await folderFor(t)
  const target = path.join(await folderFor(t), 'real.yaml')
  await writeFile(target, 'one')
  const file = path.join(folder, 'leases.yaml')
  await symlink(target, file)
  const { change } = follow(t, file, still())
  await change(() => writeFile(target, 'two more'))
})

test('a watch tells of the symlink swap of a ConfigMap', async (t) => {
  const folder = await folderFor(t)
  const publish = async (version: string, text: string): Promise<void> => {
    await mkdir(path.join(folder, version))
    await writeFile(path.join(folder, version, 'leases.yaml'), text)
    await symlink(version, path.join(folder, '..data_tmp'))
    await rename(path.join(folder, '..data_tmp'), path.join(folder, '..data'))
  }
  await publish('..1', 'one')
  const file = path.join(folder, 'leases.yaml')
  await symlink(path.join('..data', 'leases.yaml'), file)
  const { change } = follow(t, file, still())
  await change(() => publish('..2', 'two'))
  await change(() => publish('..3', 'three'))
  await change(() => writeFile(path.join(folder, '..3', 'leases.yaml'), 'in place'))
})

test('what the kernel does not tell is seen by the slow look', async (t) => {
  // Below a folder of its own: what others do beside it would be told, and the file be looked at for that.
  const folder = path.join(await folderFor(t), 'inner')
  const outside = path.join(await folderFor(t), 'outside')
  for (const made of [folder, outside]) await mkdir(made)
  // Two links in a row: the folder of the one in the middle is not watched.
  await writeFile(path.join(outside, 'a'), 'one')
  await writeFile(path.join(outside, 'b'), 'another')
  await mkdir(path.join(outside, 'middle'))
  await symlink(path.join(outside, 'a'), path.join(outside, 'middle', 'link'))
  const file = path.join(folder, 'leases.yaml')
  await symlink(path.join(outside, 'middle', 'link'), file)
  const clock = createManualClock()
  const { change, told } = follow(t, file, clock)
  await symlink(path.join(outside, 'b'), path.join(outside, 'middle', 'next'))
  await change(async () => {
    await rename(path.join(outside, 'middle', 'next'), path.join(outside, 'middle', 'link'))
    clock.advance(5000)
  })
  assert.equal(told(), 1)
})

test('neighbours of the file are not told of, and nothing after close', async (t) => {
  const folder = await folderFor(t)
  const file = path.join(folder, 'leases.yaml')
  await writeFile(file, 'one')
  const clock = still()
  const { change, told, watch } = follow(t, file, clock)
  await writeFile(path.join(folder, 'other'), 'x')
  await change(() => writeFile(file, 'two more'))
  const before = told()
  await writeFile(path.join(folder, 'other'), 'xx')
  clock.advance(5000)
  assert.equal(told(), before)
  watch.close()
  await writeFile(file, 'three and more')
  clock.advance(10_000)
  assert.equal(told(), before)
  assert.equal(clock.pending, 0)
})

test('what replaceFile wrote is read; what is no plain file, too large, or of another mode than asked for is as if it were not there', async (t) => {
  const folder = await folderFor(t)
  const file = path.join(folder, 'x')
  assert.equal(await readAsWritten(file, 0o644), undefined)
  await replaceFile(file, 'text')
  assert.equal(await readAsWritten(file, 0o644), 'text')
  await chmod(file, 0o600)
  assert.equal(await readAsWritten(file, 0o644), undefined)
  assert.equal(await readAsWritten(file), 'text')
  await writeFile(file, 'x'.repeat((1 << 20) + 1))
  assert.equal(await readAsWritten(file), undefined)
  assert.equal(await readAsWritten(folder), undefined)
})

test('an empty folder gives way to the file, and nothing else does', async (t) => {
  const folder = await folderFor(t)
  await mkdir(path.join(folder, 'x'))
  await replaceFile(path.join(folder, 'x'), 'text')
  assert.equal(await readFile(path.join(folder, 'x'), 'utf8'), 'text')
})

test('names of a folder are listed; one that is missing has none', async (t) => {
  const folder = await folderFor(t)
  await writeFile(path.join(folder, '.hidden'), '')
  assert.deepEqual(await listFolder(folder), ['.hidden'])
  assert.deepEqual(await listFolder(path.join(folder, 'missing')), [])
})

test('bytes may come in pieces of one buffer; when making one fails, the old file stays and nothing else', async (t) => {
  const folder = await folderFor(t)
  const file = path.join(folder, 'x')
  const page = Buffer.alloc(8)
  function* pieces(...texts: readonly string[]): Generator<Uint8Array> {
    for (const text of texts) yield page.subarray(0, page.write(text))
  }
  function* broken(): Generator<Uint8Array> {
    yield* pieces('half')
    throw new Error('no more')
  }
  await replaceFile(file, pieces('one ', 'two ', 'three'))
  assert.equal(await readFile(file, 'utf8'), 'one two three')
  await assert.rejects(replaceFile(file, broken()), /no more/)
  assert.equal(await readFile(file, 'utf8'), 'one two three')
  assert.deepEqual(await readdir(folder), ['x'])
})

test('bytes are read up to a limit', async (t) => {
  const folder = await folderFor(t)
  const file = path.join(folder, 'x')
  assert.equal(await readBytesIfExists(file, 3), undefined)
  await replaceFile(file, 'abc')
  assert.deepEqual(await readBytesIfExists(file, 3), Buffer.from('abc'))
  await assert.rejects(readBytesIfExists(file, 2), RangeError)
})

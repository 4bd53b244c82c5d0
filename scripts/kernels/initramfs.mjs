// The small file system from which a kernel starts: busybox, the modules without which nothing can be mounted, init.sh.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { loadOrder } from './debian-kernel.mjs'

const MODULES = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay']

/** Makes it in `folder`, which must be empty, and returns the file. `busybox`: of the kernel's architecture; `hostBusybox`: of ours. */
export function makeInitramfs({ folder, kernel, busybox, hostBusybox }) {
  const tree = path.join(folder, 'initramfs')
  for (const name of ['bin', 'modules']) mkdirSync(path.join(tree, name), { recursive: true })
  copyFileSync(busybox, path.join(tree, 'bin/busybox'))
  copyFileSync(path.join(import.meta.dirname, 'init.sh'), path.join(tree, 'init'))
  execFileSync('chmod', ['755', path.join(tree, 'bin/busybox'), path.join(tree, 'init')])
  for (const [i, file] of loadOrder(kernel.modules, MODULES).entries())
    copyFileSync(
      path.join(kernel.modules, file),
      path.join(tree, 'modules', `${String(i).padStart(2, '0')}-${path.basename(file)}`),
    )
  const names = readdirSync(tree, { recursive: true }).sort()
  const archive = execFileSync(hostBusybox, ['cpio', '-o', '-H', 'newc', '--quiet'], {
    cwd: tree,
    input: `${names.join('\n')}\n`,
    maxBuffer: 1 << 28,
  })
  const file = path.join(folder, 'initramfs.cpio')
  writeFileSync(file, archive)
  return file
}

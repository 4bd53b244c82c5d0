// One emulated machine: QEMU without KVM, root file system lent read-only, results by a serial port of its own.
// Must not: leave a process or a file behind; the caller owns `folder`.
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

const MACHINES = {
  // Without AVX, which QEMU emulates so slowly that Node takes seven times as long to start as on this processor.
  x64: ['qemu-system-x86_64', '-cpu', 'Nehalem', '-M', 'q35'],
  arm64: ['qemu-system-aarch64', '-cpu', 'cortex-a72', '-M', 'virt'],
}
const CONSOLES = { x64: 'ttyS0', arm64: 'ttyAMA0' }

/** The programs of the Debian packages qemu-system-x86 and qemu-system-arm. */
export function emulator(arch) {
  return MACHINES[arch][0]
}

/**
 * Boots, hands each line of the results to `onLine`, and resolves when the machine is off: with what ended it, 'off' or
 * 'limit'. `shares`: folders by their 9p names; the console is written to `folder`/console.log. `signal` ends it at once.
 */
export async function runMachine({ arch, kernel, initramfs, shares, folder, limitMs, signal, onLine }) {
  const [program, ...machine] = MACHINES[arch]
  const lent = Object.entries(shares).flatMap(([name, at]) => [
    '-fsdev',
    `local,id=${name},path=${at},security_model=none,readonly=on,multidevs=remap`,
    '-device',
    `virtio-9p-pci,fsdev=${name},mount_tag=${name}`,
  ])
  const words = [
    ...['-n', '10', program, ...machine, '-accel', 'tcg', '-smp', '1', '-m', '3G'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-serial', `file:${path.join(folder, 'console.log')}`],
    ...['-kernel', kernel.image, '-initrd', initramfs],
    ...['-append', `console=${CONSOLES[arch]} rdinit=/init panic=-1 mitigations=off quiet`],
    ...lent,
    // On standard output, whose other end must stay open: without a reader the machine waits for ever.
    ...['-device', 'virtio-serial-pci', '-chardev', 'stdio,id=results,signal=off'],
    ...['-device', 'virtserialport,chardev=results,name=results'],
  ]
  const child = spawn('nice', words, { stdio: ['pipe', 'pipe', 'pipe'] })
  let why = 'off'
  const end = (reason) => {
    why = reason
    child.kill('SIGKILL')
  }
  const timer = setTimeout(() => end('limit'), limitMs)
  const abort = () => end('aborted')
  signal.addEventListener('abort', abort)
  child.stderr.pipe(createWriteStream(path.join(folder, 'qemu.log')))
  createInterface({ input: child.stdout }).on('line', onLine)
  try {
    await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
  return why
}

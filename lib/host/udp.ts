/**
 * One UDP socket that sends with DF, for probes: datagrams in, datagrams out, an errno for what the kernel refuses. Owns the socket.
 * Must not: keep the process alive, or know what a datagram says.
 */

import { createSocket, type Socket } from 'node:dgram'
import { closeSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'
import { HostError } from '../errors.ts'
import { familyOf, type Ip, ipToBytes } from '../net/ip.ts'

/** The socket of the addon: bound, non-blocking, with IP_PMTUDISC_PROBE; `errno` positive, and no `fd`, where there is none. */
export type OpenUdp = (address: Uint8Array, port: number) => { readonly errno: number; readonly fd?: number }

export interface UdpDoor {
  /** `refused` is called once with an errno's name where the kernel does not take it. Returns at once. */
  send(to: Ip, port: number, datagram: Uint8Array, refused: (errno: string) => void): void
  close(): void
}

export interface UdpDoorOptions {
  readonly address: Ip
  readonly port: number
  /** `from`: in the kernel's text, which is the canonical one. */
  readonly onDatagram: (datagram: Uint8Array, from: string) => void
}

/** Throws HostError, which names the errno. `address` need not be there yet. */
export function openUdpDoor(open: OpenUdp, { address, port, onDatagram }: UdpDoorOptions): UdpDoor {
  const { errno, fd } = open(ipToBytes(address), port)
  if (fd === undefined) throw new HostError(`UDP ${address} port ${port}: ${getSystemErrorName(-errno)}`)
  const family = familyOf(address)
  const socket = createSocket({
    type: family === 'ipv4' ? 'udp4' : 'udp6',
    // Addresses are given as such: nothing is asked of a resolver.
    lookup: (host, _options, found) => found(null, host, family === 'ipv4' ? 4 : 6),
  })
  let isClosed = false
  socket.on('message', (datagram, { address: from }) => onDatagram(datagram, from))
  // What a question met (ICMP) is told to the socket; the question that is not answered tells as much.
  socket.on('error', () => undefined)
  adopt(socket, fd)
  return {
    send(to, port_, datagram, refused) {
      if (isClosed) return
      socket.send(datagram, port_, to, (error) => {
        if (error !== null) refused((error as NodeJS.ErrnoException).code ?? 'EIO')
      })
    },
    close() {
      if (isClosed) return
      isClosed = true
      socket.close()
    },
  }
}

function adopt(socket: Socket, fd: number): void {
  try {
    socket.bind({ fd, exclusive: true })
    socket.unref()
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

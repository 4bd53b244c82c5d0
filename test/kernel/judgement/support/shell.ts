/**
 * Commands of iproute2 as a person types them, family flags and all, which `ip -batch` refuses. Must not: know the agent.
 */
import type { Netns } from '../../../support/netns.ts'

/** In order, in one shell; rejects with the first that fails. */
export async function shell(netns: Netns, ...lines: readonly string[]): Promise<string> {
  return await netns.exec('sh', '-e', '-c', lines.join('\n'))
}

/** The rows of a command that prints JSON; iproute2 prints nothing where there is nothing. */
export async function rows(netns: Netns, line: string): Promise<Readonly<Record<string, unknown>>[]> {
  const text = (await shell(netns, line)).trim()
  return text === '' ? [] : JSON.parse(text)
}

/** A node of a cluster forwards. */
export const FORWARDING: readonly string[] = ['sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1']

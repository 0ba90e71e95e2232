/**
 * Connections are refused, and counted, before the process runs out of file descriptors: at the limit itself the
 * event loop accepts and closes without telling anybody (R43).
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Kept for the spool's files, forwarders' connections, rules and certificates being read. */
const RESERVE_SHARE = 0.25
const RESERVE_MIN = 24

/** The soft limit of open files of this process; Infinity where the system does not say. */
export function descriptorLimit(
  read: () => string = () => readFileSync('/proc/self/limits', 'latin1'),
): number {
  let text: string
  try {
    text = read()
  } catch {
    return Number.POSITIVE_INFINITY
  }
  const line = text.split('\n').find((one) => one.startsWith('Max open files')) ?? ''
  const soft = line.slice('Max open files'.length).trim().split(/\s+/)[0]
  return soft !== undefined && /^\d+$/.test(soft) ? Number(soft) : Number.POSITIVE_INFINITY
}

/** Connections that one of `workers` may hold, with `in_use` descriptors open already. At least 1. */
export function connectionsWithin(limit: number, in_use: number, workers: number): number {
  if (limit === Number.POSITIVE_INFINITY) return limit
  const reserve = Math.max(RESERVE_MIN, Math.ceil(limit * RESERVE_SHARE))
  return Math.max(1, Math.floor((limit - in_use - reserve) / workers))
}

function descriptorsInUse(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0
  }
}

let found: number | undefined

/** {@link connectionsWithin} of this process, asked once, before there are connections. */
export function connectionsAllowed(workers: number): number {
  found ??= connectionsWithin(descriptorLimit(), descriptorsInUse(), workers)
  return found
}

/** Connections of all listeners of this thread, open or in their TLS handshake. */
export const openConnections = { count: 0 }

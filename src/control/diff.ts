/** What a reload would do, without doing it. */
import type { Finding } from '../config/findings.ts'
import { type Changes, compare } from './changes.ts'
import { loadAside } from './load-aside.ts'
import type { Supervisor } from './supervisor.ts'

export interface Diff {
  /** Whether a reload would be accepted. */
  readonly ok: boolean
  readonly findings: readonly Finding[]
  readonly changes: Changes | null
  /** What forwarders that would leave still hold: delivered for 30 s, then kept in the spool. */
  readonly held: readonly { readonly forwarder: string; readonly events: number }[]
}

/** Reads the files as a reload does and compares them with what runs. */
export async function diff(supervisor: Supervisor): Promise<Diff> {
  const { settings, plan } = supervisor
  const loaded = await loadAside(settings.file, plan.generation + 1, process.env)
  const { findings } = loaded
  if (loaded.plan === undefined || loaded.settings === undefined)
    return { ok: false, findings, changes: null, held: [] }
  const changes = compare(plan, loaded.plan, settings, loaded.settings)
  const { ledger } = await supervisor.measure()
  const leaving = new Set(changes.forwarders.removed)
  const held = ledger.forwarders.flatMap(({ tenant, forwarder, queued, spooled, in_flight }) => {
    const events = queued + spooled + in_flight
    const key = `${tenant}/${forwarder}`
    return leaving.has(key) && events > 0 ? [{ forwarder: key, events }] : []
  })
  return { ok: true, findings, changes, held }
}

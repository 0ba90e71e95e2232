/** The rows of the spool's table: which router, set up how, and how many events it is worth sending. */
import type { NumberedWorkload } from '../workload.ts'
import type { Proc } from './proc.ts'
import { type Listening, type RouterName, startLogweir, startRsyslog, startSyslogNg } from './routers.ts'
import {
  MEMORY_EVENTS,
  type SpoolSetup,
  writeLogweirSpool,
  writeRsyslogSpool,
  writeSyslogNgSpool,
} from './spool-configs.ts'

export interface SpoolRow {
  readonly id: string
  readonly router: RouterName
  /** Its settings in words. */
  readonly title: string
  /** relp: what was acknowledged before a `kill -9` is all that is looked at. */
  readonly transport: 'tcp' | 'relp'
  /** Every write waits for the disk: few events are enough. */
  readonly slow: boolean
  /** Also in a short run. */
  readonly short: boolean
  write(setup: SpoolSetup): string
  start(folder: string, file: string, at: Listening): Promise<Proc>
}

export interface SpoolPlan {
  /** Spilled and drained before it is measured. */
  readonly warm: number
  readonly events: number
}

const usual = { transport: 'tcp', slow: false, short: true } as const
const logweir = { ...usual, router: 'logweir', start: startLogweir } as const
const rsyslog = { ...usual, router: 'rsyslog', start: startRsyslog } as const
const syslogNg = { ...usual, router: 'syslog-ng', start: startSyslogNg } as const

export const SPOOL_ROWS: readonly SpoolRow[] = [
  {
    ...logweir,
    id: 'spool_logweir_overflow',
    title: 'Logweir, as it comes (`spool: overflow`, `sync: normal`, zstd)',
    write: (setup) => writeLogweirSpool(setup, { spool: 'overflow', compression: 'zstd' }),
  },
  {
    ...logweir,
    id: 'spool_logweir_always',
    short: false,
    title: 'Logweir, `spool: always`',
    write: (setup) => writeLogweirSpool(setup, { spool: 'always', compression: 'zstd' }),
  },
  {
    ...logweir,
    id: 'spool_logweir_plain',
    title: 'Logweir, `compression: off`, as the peers’ files are',
    write: (setup) => writeLogweirSpool(setup, { spool: 'overflow', compression: 'off' }),
  },
  {
    ...rsyslog,
    id: 'spool_rsyslog_default',
    title: 'rsyslog, disk-assisted queue, `checkpointInterval` and `syncQueueFiles` as they come',
    write: (setup) => writeRsyslogSpool(setup, { memory: MEMORY_EVENTS, checkpoint: 0, sync: false }),
  },
  {
    ...rsyslog,
    id: 'spool_rsyslog_checkpoint',
    short: false,
    title: 'rsyslog, `checkpointInterval="1000"`',
    write: (setup) => writeRsyslogSpool(setup, { memory: MEMORY_EVENTS, checkpoint: 1000, sync: false }),
  },
  {
    ...rsyslog,
    id: 'spool_rsyslog_sync',
    slow: true,
    short: false,
    title: 'rsyslog, `checkpointInterval="1000"`, `syncQueueFiles="on"`, memory for 1,000 events',
    write: (setup) => writeRsyslogSpool(setup, { memory: 1000, checkpoint: 1000, sync: true }),
  },
  {
    ...syslogNg,
    id: 'spool_syslog-ng_normal',
    short: false,
    title: 'syslog-ng, `reliable(no)`',
    write: (setup) => writeSyslogNgSpool(setup, { reliable: false }),
  },
  {
    ...syslogNg,
    id: 'spool_syslog-ng_reliable',
    title: 'syslog-ng, `reliable(yes)`',
    write: (setup) => writeSyslogNgSpool(setup, { reliable: true }),
  },
  {
    ...logweir,
    id: 'spool_logweir_relp',
    transport: 'relp',
    title: 'Logweir, RELP in, `spool: always`',
    write: (setup) => writeLogweirSpool(setup, { spool: 'always', compression: 'zstd' }),
  },
  {
    ...rsyslog,
    id: 'spool_rsyslog_relp',
    transport: 'relp',
    title: 'rsyslog, RELP in, `checkpointInterval="1000"`',
    write: (setup) => writeRsyslogSpool(setup, { memory: MEMORY_EVENTS, checkpoint: 1000, sync: false }),
  },
]

/** Events in the file: warm-up, and what is measured. */
export function spoolEvents(short: boolean): number {
  return short ? 1_200_000 : 1_500_000
}

/** Far more than memory holds, so that what is measured goes through the disk. */
export function spoolPlan(
  { router, transport, slow }: SpoolRow,
  { events }: NumberedWorkload,
  short: boolean,
): SpoolPlan {
  if (transport === 'relp') return { warm: 0, events: short ? 20_000 : 100_000 }
  if (slow) return { warm: 1000, events: short ? 3000 : 6000 }
  const measured = short ? 500_000 : 1_000_000
  // A router that runs for months has compiled what it needs.
  return router === 'logweir'
    ? { warm: events - measured, events: measured }
    : { warm: 50_000, events: measured }
}

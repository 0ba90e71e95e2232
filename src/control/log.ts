/** The router's own log: pino to stdout, synchronous so that the last line before an end is not lost. */
import { pino, type Logger } from 'pino'
import type { Settings } from '../config/types.ts'
import type { LogLevel } from '../worker/protocol.ts'

export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void

/** Lines of one cause and thing within this time are counted, not written (R70). */
const REPEAT_MS = 10_000
const CAUSES_MAX = 4096

/** Makes the log. `pretty` is for people at a terminal and loads its formatter only then. */
export async function makeLog(settings: Settings['log']): Promise<Log> {
  const logger = await makeLogger(settings)
  return limitRepeats((level, message, fields) => logger[level](fields ?? {}, message))
}

async function makeLogger({ level, format }: Settings['log']): Promise<Logger> {
  const options = { level, base: null }
  if (format === 'json') return pino(options, pino.destination({ dest: 1, sync: true }))
  const { default: pretty } = await import('pino-pretty')
  const stream = pretty({
    colorize: process.stdout.isTTY,
    sync: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
  })
  return pino(options, stream)
}

/** Collapses repeats of warnings and errors to one line in ten seconds that says how many there were. */
export function limitRepeats(log: Log, now: () => number = () => performance.now()): Log {
  const last = new Map<string, { at: number; held: number }>()
  return (level, message, fields) => {
    if (level === 'info' || level === 'debug') return log(level, message, fields)
    const cause = `${level}:${message}`
    const entry = last.get(cause)
    if (entry !== undefined && now() - entry.at < REPEAT_MS) {
      entry.held += 1
      return
    }
    const repeated = entry === undefined || entry.held === 0 ? {} : { repeated: entry.held }
    if (last.size >= CAUSES_MAX) last.clear()
    last.set(cause, { at: now(), held: 0 })
    log(level, message, { ...fields, ...repeated })
  }
}

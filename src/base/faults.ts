/**
 * Named fault points: places around steps that touch disk or acknowledge, where a test can make the
 * process die, fail or wait. A point does nothing unless `LOGWEIR_FAULTS` is set, and setting that is
 * refused unless `LOGWEIR_TEST=1` is set too (see `armFaults`), so production cannot trip one.
 *
 * `LOGWEIR_FAULTS` is a comma list of `point=act[@n]`: `kill` ends the process with SIGKILL, `throw:CODE`
 * throws an error with that system code, `exit` ends the thread. `@n` acts on the n-th pass only (from 1);
 * without it, on every pass.
 */
export type FaultPoint =
  | 'spool.open'
  | 'spool.write.before'
  | 'spool.write.after'
  | 'spool.commit.before'
  | 'spool.commit.after'
  | 'spool.read'
  | 'spool.ack.before'
  | 'spool.ack.after'
  | 'spool.seal'
  | 'spool.unlink'
  | 'spool.stop'
  | 'file.write'
  | 'file.sync'
  | 'file.take_back'
  | 'worker.seal'
  | 'worker.settle'
  | 'rules.save'
  | 'inventory.commit'
  | 'inventory.apply'

interface Armed {
  readonly act: string
  readonly only: number
  passes: number
}

const armed = new Map<string, Armed>()

/** Reads `LOGWEIR_FAULTS`. Throws when it is set outside tests. Called once a thread. */
export function armFaults(env: NodeJS.ProcessEnv = process.env): void {
  armed.clear()
  const list = env['LOGWEIR_FAULTS']
  if (list === undefined || list === '') return
  if (env['LOGWEIR_TEST'] !== '1') throw new Error('LOGWEIR_FAULTS is for tests only: unset it')
  for (const item of list.split(',')) {
    const [name = '', rest = ''] = item.split('=')
    const [act = '', nth = '0'] = rest.split('@')
    armed.set(name, { act, only: Number(nth), passes: 0 })
  }
}

/** Passes a fault point. Costs one map look-up of an empty map in production. */
export function faultPoint(name: FaultPoint): void {
  if (armed.size === 0) return
  const fault = armed.get(name)
  if (fault === undefined) return
  fault.passes += 1
  if (fault.only !== 0 && fault.only !== fault.passes) return
  if (fault.act === 'kill') process.kill(process.pid, 'SIGKILL')
  if (fault.act === 'exit') process.exit(1)
  if (fault.act.startsWith('throw:')) {
    const code = fault.act.slice('throw:'.length)
    throw Object.assign(new Error(`${code}: injected at ${name}`), { code })
  }
}

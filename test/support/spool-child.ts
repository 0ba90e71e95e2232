/**
 * A process that uses a spool until it is killed, for the tests of crashes: it says on standard output what it was told is
 * safe (`W key sequence`), and what it is about to acknowledge (`A key sequence`). Arguments: folder, steps, and how it syncs.
 * With `LOGWEIR_CHILD_RETRY` what the disk refused is written again (`E key sequence`, the first of it), as the queue does.
 */
import { writeSync } from 'node:fs'
import { armFaults } from '../../src/base/faults.ts'
import { OpenSpool, row } from './spools.ts'

const STOP_ROWS = 3
/** So small that files are sealed and unlinked all the time. */
const DISK_MAX = 4 * 1024 * 1024
const keys = ['acme/siem', 'globex/siem', 'globex/archive']

const [folder = '', steps = '0', sync = 'normal'] = process.argv.slice(2)
/** A disk that refuses one call must not refuse for ever. */
const REFUSALS_MAX = 20
let refusals = 0
const RETRY = process.env['LOGWEIR_CHILD_RETRY'] === '1'
armFaults()
const { spool } = new OpenSpool(folder, { sync: sync === 'full' ? 'full' : 'normal' })
const next = new Map(keys.map((key) => [key, spool.state(key).last_sequence + 1]))
const cursor = new Map(keys.map((key) => [key, -1]))

for (let step = 0; step < Number(steps); step++) {
  const key = keys[step % keys.length] as string
  write(key, 1 + (step % 4))
  if (step % 4 !== 0) consume(key)
  if (step % 5 === 0) spool.tick()
}
stop()
say('done')

function write(key: string, count: number): void {
  let rows = Array.from({ length: count }, () => row(take(key), key, 2, 60_000))
  while (rows.length > 0) {
    const result = spool.write(key, rows, DISK_MAX)
    if (result.outcome !== 'committed' && RETRY && refusals < REFUSALS_MAX) {
      refusals += 1
      say(`E ${key} ${rows[0]?.sequence}`)
      continue
    }
    if (result.outcome !== 'committed') {
      say(`R ${key} ${result.reason}`)
      return
    }
    for (const { sequence } of rows.slice(0, result.count)) say(`W ${key} ${sequence}`)
    rows = rows.slice(result.count)
  }
}

function consume(key: string): void {
  const { rows } = spool.read(key, cursor.get(key) as number, 300_000)
  const sequences = rows.map(({ sequence }) => sequence)
  for (const sequence of sequences) say(`A ${key} ${sequence}`)
  cursor.set(key, sequences.at(-1) ?? (cursor.get(key) as number))
  spool.acknowledge(key, sequences)
}

function stop(): void {
  const rows = keys.flatMap((key) =>
    Array.from({ length: STOP_ROWS }, () => ({ key, row: row(take(key), key) })),
  )
  spool.stop(rows)
  for (const { key, row: written } of rows) say(`W ${key} ${written.sequence}`)
  spool.close()
}

function take(key: string): number {
  const sequence = next.get(key) as number
  next.set(key, sequence + 1)
  return sequence
}

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

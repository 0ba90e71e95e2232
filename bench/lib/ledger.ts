/** What Logweir itself says after a measurement: nothing refused, nothing dropped, the ledger balanced. */

const ORDINARY = new Set(['enqueued', 'delivered'])

/** Null when all is well; otherwise what is not, in words. */
export async function ledgerFault(admin_port: number): Promise<string | null> {
  const faults = await ledgerFaults(admin_port)
  return faults.size > 0 ? [...faults].map(([name, n]) => `${name} ${n}`).join(', ') : null
}

/** How much of what should not be there is: `dropped queue_full`, `refused rate`, `imbalance`. */
export async function ledgerFaults(admin_port: number): Promise<Map<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${admin_port}/metrics`)
  if (!answer.ok) return new Map([[`/metrics answers ${answer.status}`, 1]])
  const sums = new Map<string, number>()
  for (const line of (await answer.text()).split('\n')) {
    const found = /^(logweir_\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (!found) continue
    const [, metric, labels, value] = found
    const name = nameOf(metric ?? '', labels ?? '')
    if (name !== null) sums.set(name, (sums.get(name) ?? 0) + Number(value))
  }
  if (!sums.has('imbalance')) return new Map([['no logweir_ledger_imbalance', 1]])
  return new Map([...sums].filter(([, n]) => n !== 0))
}

function nameOf(metric: string, labels: string): string | null {
  if (metric === 'logweir_ledger_imbalance') return 'imbalance'
  if (metric === 'logweir_events_refused_total') return `refused ${/reason="(\w+)"/.exec(labels)?.[1]}`
  if (metric !== 'logweir_forwarder_events_total') return null
  const outcome = /outcome="(\w+)"/.exec(labels)?.[1] ?? ''
  return ORDINARY.has(outcome) ? null : `dropped ${outcome}`
}

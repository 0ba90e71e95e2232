/**
 * What one would write first: `syslog-parse` for BSD headers, and regular expressions over strings for the rest. They
 * are here to be compared with; the hot path has neither.
 */

const HEADER = /^<(\d{1,3})>(?:1 )?(\S+) (\S+) ([^ [:]+)(?:\[(\d+)\]:|:| (\S+) - -) (.*)$/
const BODY =
  /^(?:(?<filter>[0-9a-f]{8}|\d{1,10}) )?(?<af>INET6?) (?:(?<term>TERM)(?: (?<taction>[A-Z]+))?|(?<reason>[A-Za-z-]+) (?<action>[A-Z]+)) (?<rule>(?:[^\s/]+\/)?\d+) (?<dir>IN|OUT) (?:(?<len>\d+) )?(?<proto>TCP|UDP|ICMP6?|PROTO \d+) (?:(?<close>RST|FIN|TIMEOUT) )?(?:(?<itype>\d+) (?<icode>\d+) )?(?<src>[0-9A-Fa-f.:]+)(?:\/(?<sport>\d+))?->(?<dst>[0-9A-Fa-f.:]+)(?:\/(?<dport>\d+))?(?: (?<rest>.*))?$/
const COUNTERS = /^\d+\/\d+ \d+\/\d+ ?/
const FLAGS = /^F?S?R?P?A?U?E?W?(?: |$)/

/** The label of a distributed-firewall event, or null. */
export function labelByExpression(event: string): string | null {
  const header = HEADER.exec(event)
  const fields = BODY.exec(header?.[7] ?? '')?.groups
  const rest = fields?.['rest']
  if (rest === undefined) return null
  let label = rest
  if (fields?.['term'] !== undefined) label = rest.replace(COUNTERS, '')
  else if (fields?.['proto'] === 'TCP') label = rest.replace(FLAGS, '')
  return label === '' ? null : label.trim()
}

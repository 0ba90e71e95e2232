/** `acme` of the forwarder `acme/siem`. */
export function tenantOf(forwarder: string): string {
  const slash = forwarder.indexOf('/')
  return slash === -1 ? forwarder : forwarder.slice(0, slash)
}

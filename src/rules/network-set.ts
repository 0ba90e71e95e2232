/** Many networks asked at once: sorted, those inside others left out, so that one is found by halving. */
import { type Address, inNetwork, inNetworks, type Network } from './cidr.ts'

/** So few are asked one after the other. */
const FEW = 8

/** Whether an address lies in any of the networks. */
export function networkTest(networks: readonly Network[]): (address: Address) => boolean {
  if (networks.length <= FEW) return (address) => inNetworks(address, networks)
  const four = outermost(networks.filter(({ family }) => family === 4))
  const six = outermost(networks.filter(({ family }) => family === 6))
  return (address) => search(address, address.family === 4 ? four : six)
}

/** Networks nest or are apart: sorted by where they begin, what is inside another one stands behind it. */
function outermost(networks: readonly Network[]): readonly Network[] {
  const sorted = networks.toSorted((a, b) => compare(a.words, b.words) || compare(a.masks, b.masks))
  const kept: Network[] = []
  for (const network of sorted) {
    const last = kept.at(-1)
    if (last !== undefined && inNetwork(network, last)) continue
    kept.push(network)
  }
  return kept
}

function search(address: Address, networks: readonly Network[]): boolean {
  let low = 0
  let high = networks.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const network = networks[middle] as Network
    if (compare(network.words, address.words) <= 0) {
      if (inNetwork(address, network)) return true
      low = middle + 1
    } else high = middle - 1
  }
  return false
}

function compare(a: Uint32Array, b: Uint32Array): number {
  for (let word = 0; word < 4; word++) {
    const difference = (a[word] as number) - (b[word] as number)
    if (difference !== 0) return difference
  }
  return 0
}

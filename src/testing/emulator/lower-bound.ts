/** Binary search, for everything the emulator keeps in the order of its ids. */

/** The first place in an ascending list whose number is `wanted` or more; the length when there is none. */
export function lowerBound<Item>(items: readonly Item[], wanted: number, numberOf: (item: Item) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numberOf(items[middle] as Item) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

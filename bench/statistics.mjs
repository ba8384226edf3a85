// The arithmetic of the benchmark: medians, quartiles, and what may be said of two contenders.

/** The value below which `share` of the values lie, between neighbours in proportion. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at % 1);
}

/** Median with quartiles. */
export function summary(values) {
  return { median: quantile(values, 0.5), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

/**
 * One contender over another, by pairs: both were measured in the same round, so that what slowed a round down slowed both.
 * A ratio of medians would compare rounds that have nothing to do with each other.
 */
export function ratios(of, over) {
  return summary(of.map((value, round) => value / over[round]));
}

/**
 * Whether a ratio differs from `value`, given the ratio of a contender to its own twin. The middle half of the twin's rounds is some
 * three standard errors of the median at the default number of rounds: what lies inside, taken both ways round, is noise.
 */
export function isResolved(ratio, twins, value = 1) {
  const most = Math.max(twins.high, 1 / twins.low);
  return ratio.median / value < 1 / most || ratio.median / value > most;
}

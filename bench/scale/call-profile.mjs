// Who calls when, over a simulated day: three kinds of accounts, each a Poisson process that follows the hours of the day.

/** `share` of the accounts; a call every so many seconds on average in business hours; at night, that part of it. */
export const KINDS = [
  { name: "in use all the time", share: 0.3, everySeconds: 10, atNight: 1 },
  { name: "in use in the day", share: 0.4, everySeconds: 60, atNight: 0.1 },
  { name: "seldom in use", share: 0.3, everySeconds: 1_200, atNight: 0.1 },
];

/** Full from nine to five, with two hours of coming and two of going; between 0 and 1. */
export function business(hour) {
  if (hour < 7 || hour >= 19) return 0;
  return Math.min(1, (hour - 7) / 2, (19 - hour) / 2);
}

/** The kind of an account, by its number: each tenth of the accounts has all of them. */
export function kindOf(number) {
  let place = (number % 10) / 10;
  return KINDS.find(({ share }) => (place -= share) < -1e-9);
}

/** The second of the first call after `second`; the day begins at `startHour`. May lie beyond the day. */
export function nextCall({ everySeconds, atNight }, second, startHour) {
  let at = second;
  for (;;) {
    at -= Math.log(1 - Math.random()) * everySeconds;
    const hour = (startHour + at / 3_600) % 24;
    // A call of the fullest hour is kept as often as this hour is full.
    if (Math.random() < atNight + (1 - atNight) * business(hour)) return Math.max(second + 1, Math.ceil(at));
  }
}

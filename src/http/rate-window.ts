/**
 * One rolling window of calls, counted as HubSpot may count them: never more than the limit within the interval, by the time of arrival.
 * When a call arrives nobody here knows; it does before its answer comes. So its time begins to run with the answer, or after a grace for
 * a call that takes longer. Pure arithmetic over one ring of numbers: no timers, no promises. Called by the limiter for every call.
 */

/** HubSpot's clock and ours do not tick alike, and either may round. */
const CLOCK_DRIFT = 1 / 200;
/** Who is refused has met somebody that goes on calling: so many spans until all of the limit is tried again. */
const SPANS_TO_RECOVER = 4;

/** A window, and what others take of it. */
export class RollingWindow {
  #limit: number;
  #intervalMs: number;
  #spanMs = 0;
  readonly #graceMs: number;
  // Four stretches of one ring, oldest first: [#first, #counted) over, but perhaps not at HubSpot; [#counted, #open) answered, the time is
  // when; [#open, #end) under way, the time is when they were let go.
  #times: number[] = newRing(4);
  #first = 0;
  #counted = 0;
  #open = 0;
  #end = 0;
  // Slots that somebody else uses: thought to come free evenly, from a moment on and over a time.
  #others = 0;
  #othersFromMs = 0;
  #othersForMs = 1;

  /** @param graceMs after this, a call without an answer counts as arrived. */
  constructor(limit: number, intervalMs: number, graceMs: number) {
    this.#graceMs = graceMs;
    this.#limit = limit;
    this.#intervalMs = intervalMs;
    this.setLimit(limit, intervalMs);
  }

  get limit(): number {
    return this.#limit;
  }

  get intervalMs(): number {
    return this.#intervalMs;
  }

  get graceMs(): number {
    return this.#graceMs;
  }

  /** How long a call counts: the interval and a little. */
  get spanMs(): number {
    return this.#spanMs;
  }

  /** Another limit, for what has been counted so far as well. */
  setLimit(limit: number, intervalMs: number): void {
    this.#limit = limit;
    this.#intervalMs = intervalMs;
    this.#spanMs = Math.ceil(intervalMs * (1 + CLOCK_DRIFT)) + 1;
  }

  /** Counts one more call if there is room for it. */
  enter(nowMs: number): boolean {
    this.#advance(nowMs);
    let used = this.#end - this.#counted;
    if (this.#others > 0) used += this.#othersAt(nowMs);
    if (used >= this.#limit) return false;
    this.#push(nowMs);
    return true;
  }

  /** Counts one more call, room or not: somebody else has allowed it. */
  record(nowMs: number): void {
    this.#advance(nowMs);
    this.#push(nowMs);
  }

  /**
   * An answer has come. Which call's it is need not be known: taking the oldest one's place errs on the side of waiting.
   * @param sentMs when its call was let go; an answer after the grace changes nothing any more.
   * @returns whether it was in time.
   */
  answered(nowMs: number, sentMs: number | undefined): boolean {
    this.#advance(nowMs);
    if (sentMs !== undefined && sentMs + this.#graceMs <= nowMs) return false;
    if (this.#open < this.#end) this.#times[this.#open++ & (this.#times.length - 1)] = nowMs;
    return true;
  }

  /** HubSpot says how many calls were left at some time since `sentMs`. What is missing, and cannot have been ours, others have used. */
  remaining(nowMs: number, left: number, sentMs: number = Number.NEGATIVE_INFINITY): void {
    let ours = this.#end - this.#counted;
    for (let index = this.#counted - 1; index >= this.#first && this.#at(index) + this.#spanMs > sentMs; index--) ours++;
    this.#raiseOthers(this.#limit - left - ours, nowMs, nowMs, this.#spanMs);
  }

  /** HubSpot refused a call that fitted in here: so much more others use, and still do when the pause is over. Then one may try. */
  refused(nowMs: number, untilMs: number): void {
    const level = Math.min(this.#othersLevel(nowMs) + 1, this.#limit - 1);
    this.#raiseOthers(level, nowMs, Math.max(nowMs, untilMs), SPANS_TO_RECOVER * this.#spanMs);
  }

  /** The earliest moment when a call may enter that has `ahead` others before it. */
  dueMs(nowMs: number, ahead: number): number {
    this.#advance(nowMs);
    const own = this.#end - this.#counted;
    const others = this.#othersAt(nowMs);
    let places = own + others - this.#limit + 1 + ahead;
    if (places <= 0) return nowMs;
    const rounds = Math.max(0, Math.ceil((places - own - others) / this.#limit));
    places -= rounds * this.#limit;
    return Math.max(nowMs, this.#freeMs(places, own, others, nowMs)) + rounds * this.#spanMs;
  }

  /** Whether nothing counts any more, and has not for `longMs`. */
  isIdle(nowMs: number, longMs: number): boolean {
    this.#advance(nowMs);
    if (this.#end > this.#counted || this.#othersAt(nowMs) > 0) return false;
    return this.#end === 0 || this.#at(this.#end - 1) + this.#spanMs + longMs <= nowMs;
  }

  /** When `places` slots will have come free, of `own` calls and `others` slots. */
  #freeMs(places: number, own: number, others: number, nowMs: number): number {
    if (places <= 0) return nowMs;
    let best = Number.POSITIVE_INFINITY;
    for (let mine = Math.max(0, places - others); mine <= Math.min(places, own); mine++) {
      const theirs = places - mine;
      const mineMs = mine === 0 ? nowMs : this.#endMs(this.#counted + mine - 1, nowMs);
      const theirsMs = theirs === 0 ? nowMs : this.#othersFromMs + this.#othersForMs * (1 - (others - theirs) / this.#others);
      best = Math.min(best, Math.max(mineMs, theirsMs));
    }
    return best;
  }

  /** When a call stops counting; at the earliest, for one that is still under way. */
  #endMs(index: number, nowMs: number): number {
    return (index < this.#open ? this.#at(index) : nowMs) + this.#spanMs;
  }

  #othersLevel(nowMs: number): number {
    const past = nowMs - this.#othersFromMs;
    if (past <= 0) return this.#others;
    if (past >= this.#othersForMs) this.#others = 0;
    return this.#others * (1 - past / this.#othersForMs);
  }

  #othersAt(nowMs: number): number {
    // Not one more for a rounding error.
    return this.#others === 0 ? 0 : Math.max(0, Math.ceil(this.#othersLevel(nowMs) - 1e-6));
  }

  #raiseOthers(level: number, nowMs: number, fromMs: number, forMs: number): void {
    if (level <= this.#othersLevel(nowMs)) return;
    this.#others = Math.min(level, this.#limit);
    this.#othersFromMs = fromMs;
    this.#othersForMs = forMs;
  }

  #advance(nowMs: number): void {
    const times = this.#times;
    const mask = times.length - 1;
    const late = nowMs - this.#graceMs;
    while (this.#open < this.#end && (times[this.#open & mask] as number) <= late) {
      times[this.#open & mask] = (times[this.#open & mask] as number) + this.#graceMs;
      this.#open++;
    }
    const over = nowMs - this.#spanMs;
    while (this.#counted < this.#open && (times[this.#counted & mask] as number) <= over) this.#counted++;
    while (this.#first < this.#counted && (times[this.#first & mask] as number) <= over - this.#graceMs) this.#first++;
  }

  #at(index: number): number {
    return this.#times[index & (this.#times.length - 1)] as number;
  }

  #push(nowMs: number): void {
    const times = this.#times;
    if (this.#end - this.#first === times.length) {
      this.#times = newRing(times.length * 2);
      for (let index = this.#first; index < this.#end; index++) {
        this.#times[index & (this.#times.length - 1)] = times[index & (times.length - 1)] as number;
      }
    }
    this.#times[this.#end++ & (this.#times.length - 1)] = nowMs;
  }
}

/** Of numbers that are no integers, so that they are kept as such: a typed array weighs three times as much as a small one of these. */
function newRing(size: number): number[] {
  return Array.from({ length: size }, () => 0.5);
}

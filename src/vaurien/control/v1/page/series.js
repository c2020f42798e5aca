// What a proxy did over time: values at even steps, fetched once, then continued by samples.

import { request } from "./api.js";

export const SPANS = { 300: "5 minutes", 3600: "1 hour" };
export const OFF = ""; // in the place of a rule: the proxy itself was off
const LATE = 5; // seconds by which a sample may be behind a history that was just fetched
const NAMES = { open: "connections" }; // how the history calls what samples have

export class Series {
  /** from: when the first step ended, in seconds since 1970; values: arrays by name. */
  constructor(span, step, from, values, lives) {
    this.span = span;
    this.step = step;
    this.from = from;
    this.values = values;
    this.lives = lives; // when rules were on, or the proxy off, as far as the server tells
  }

  /** Fetch those of a proxy, or of all together. */
  static async fetch(proxy, span) {
    const query = new URLSearchParams({ span, ...(proxy ? { proxy } : {}) });
    const { step, from, series, rules, off } = await request("GET", `/v1/history?${query}`);
    const lives = [...off.map((life) => ({ rule: OFF, behavior: "", ...life })), ...rules];
    return new Series(span, step, from, series, lives);
  }

  get length() {
    return this.values.exchanges.length;
  }

  /** When the last step ended. */
  get end() {
    return this.from + (this.length - 1) * this.step;
  }

  at(index) {
    return this.from + index * this.step;
  }

  /** The step that had ended nearest to a moment, or -1 if there is none. */
  indexAt(moment) {
    const index = Math.round((moment - this.from) / this.step);
    return index >= 0 && index < this.length ? index : -1;
  }

  /** Add the sample of a second. Gives whether it follows: else fetch anew. */
  add(at, sample) {
    if (at <= this.end) return at > this.end - LATE; // else the server's clock was put back
    if (this.step !== 1 || (this.length && at > this.end + 1)) return false;
    if (!this.length) this.from = at;
    for (const [name, value] of Object.entries(sample))
      this.values[NAMES[name] ?? name]?.push(value);
    if (this.length > this.span) {
      this.from += this.step;
      for (const values of Object.values(this.values)) values.shift();
    }
    return true;
  }
}

/** The least, the last and the greatest of values; null for those that there are none of. */
export function extent(values) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return { least: null, last: null, most: null };
  return { least: Math.min(...known), last: values.at(-1) ?? null, most: Math.max(...known) };
}

// When rules of a proxy were on and fired, and when it was off: the causes on the timeline.
//
// What was before is known from the history and, as far as the server keeps it, from the journal;
// since then, from the state and the counts of the rules.

import { ignoreRefusal, request } from "./api.js";
import { OFF } from "./series.js";
import { proxy as proxyNamed, serverTime, subscribe } from "./store.js";

const KEPT = 3_600; // seconds
const MOST = 200; // lives, and other events, that are remembered
const ENTRIES = 1_000; // of the journal

export class Lives {
  constructor(name, signal) {
    this.name = name;
    this.lives = null; // {rule, behavior, from, to}, to null: still; not yet known
    this.firings = new Map(); // by rule: counts by second
    this.others = []; // events that are not of a rule: {at, text}
    this.counts = new Map(); // how often rules have fired, by name
    subscribe("proxies", () => this.look(), signal);
    subscribe("events", (events) => this.note(events), signal);
    this.look();
    this.recall();
  }

  /** Take over what the history tells of rules; what it is too old to tell is seen by itself. */
  adopt(told) {
    this.lives = told.map((life) => ({ ...life }));
    this.look();
  }

  /** See which rules are on, and how often they have fired since the last look. */
  look() {
    const now = serverTime();
    const { rules = [], enabled = true } = proxyNamed(this.name) ?? {};
    for (const { name, status } of rules) this.count(name, status?.fired ?? 0, now);
    if (!this.lives) return;
    const on = new Map(
      rules.filter(({ status }) => status?.state === "on").map((rule) => [rule.name, rule]),
    );
    if (!enabled) on.set(OFF, { behavior: "" });
    for (const life of this.lives) {
      if (life.to !== null) continue;
      if (on.get(life.rule)?.behavior === life.behavior) on.delete(life.rule);
      else life.to = now;
    }
    for (const [rule, { behavior }] of on) {
      this.lives.push({ rule, behavior, from: now, to: null });
    }
    this.forget(now);
  }

  count(rule, fired, now) {
    const before = this.counts.get(rule);
    this.counts.set(rule, fired);
    if (before !== undefined && fired > before) this.add(rule, now, fired - before);
  }

  add(rule, at, times) {
    const second = Math.floor(at);
    if (!this.firings.has(rule)) this.firings.set(rule, new Map());
    const counts = this.firings.get(rule);
    counts.set(second, (counts.get(second) ?? 0) + times);
  }

  /** Read in the journal what rules did before. */
  async recall() {
    const before = serverTime();
    try {
      const query = new URLSearchParams({ proxy: this.name, limit: ENTRIES });
      const { entries } = await request("GET", `/v1/journal?${query}`);
      for (const { rule, time } of entries) {
        const at = Date.parse(time) / 1000;
        if (at < before) this.add(rule, at, 1);
      }
    } catch (error) {
      ignoreRefusal(error);
    }
  }

  note(events) {
    for (const { type, proxy, time, what, detail } of events) {
      if (proxy !== this.name || type === "changed") continue;
      const text = detail ? `${what}: ${detail}` : what;
      this.others.push({ at: Date.parse(time) / 1000, text });
    }
    if (this.others.length > MOST) this.others.splice(0, this.others.length - MOST);
  }

  forget(now) {
    const oldest = now - KEPT;
    this.lives = this.lives.filter((life) => life.to === null || life.to > oldest).slice(-MOST);
    for (const [rule, counts] of this.firings) {
      for (const second of counts.keys()) {
        if (second >= oldest) break; // they are in order, but for a few
        counts.delete(second);
      }
      if (!counts.size) this.firings.delete(rule);
    }
  }

  /** What there is between two moments, by rule: {rule, behavior, lives, firings: [[at, times]]}. */
  lanes(from, to) {
    const lanes = new Map();
    const lane = (rule, behavior = "") => {
      if (!lanes.has(rule)) lanes.set(rule, { rule, behavior, lives: [], firings: [] });
      return lanes.get(rule);
    };
    for (const life of this.lives ?? []) {
      if ((life.to ?? to) < from || life.from > to) continue;
      lane(life.rule, life.behavior).lives.push(life);
    }
    for (const [rule, counts] of this.firings) {
      const within = [...counts].filter(([at]) => at >= from && at <= to);
      if (within.length) lane(rule).firings.push(...within);
    }
    return [...lanes.values()];
  }
}

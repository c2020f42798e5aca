// What the page knows of the server: proxies, live samples, the catalogue.
//
// Two streams keep it true: events say which proxies to fetch again, and samples come each second.
// Views subscribe to topics:
//   proxies     {names: Set, what: "state" | "status"}: "status" when only counts have changed
//   samples     each second, with the moment in seconds since 1970
//   events      an array of events, without those of rules that fire
//   connection  whether the server is there

import { ignoreRefusal, path, request, sleep, stream } from "./api.js";

const KINDS = "changed,trouble,gave_up,cut,plugin_failed";
const SEEN = 60; // seconds of traffic that are remembered of each proxy
const ONE_BY_ONE = 20; // proxies that are fetched by themselves; if more have changed, all are
const GATHER = 50; // milliseconds in which changes are gathered
const REST = 2_000; // milliseconds from fetching all proxies to the next time
const LOOK = 2_000; // milliseconds between looks at a proxy that is watched
const SILENCE = 6_000; // milliseconds without a sample after which the server is gone

/** What is known; only this module changes it. */
export const known = {
  totals: null, // the last sample of all proxies together
  loaded: false, // whether the proxies have been fetched once
  connected: null, // whether the server is there; null: not yet known
  problem: null, // why it is not: an ApiError, if the server says so
};

const byName = new Map(); // resources of proxies
const samples = new Map(); // the last of each proxy
const traffic = new Map(); // of each proxy, in each of the last seconds
const subscribers = new Map();
const cache = new Map();
const streams = { live: null, events: null };
const stale = new Set();
let seconds = 0; // of which there were samples
let ahead = 0; // seconds by which the server's clock is before that of the browser
let removals = 0; // that events have told of
let fetching = false;
let fetchedAll = -Infinity;

/** A proxy as the API describes it; undefined if there is none. */
export const proxy = (name) => byName.get(name);

/** All proxies, by name. */
export const proxies = () => [...byName.values()].sort((a, b) => compare(a.name, b.name));

/** What a proxy did in the last second: see /v1/live. */
export const sample = (name) => samples.get(name);

/** What a proxy did in each of the last seconds, oldest first: requests, or bytes with tcp. */
export const trafficOf = (name) => traffic.get(name) ?? [];

/** What time it is for the server, in seconds since 1970. */
export const serverTime = () => Date.now() / 1000 + ahead;

/** Begin to follow the server. */
export function start(signal) {
  const follow = (name, url, options) =>
    stream(url, {
      signal,
      onState: (state, error) => tell(name, state === "up", error),
      ...options,
    });
  follow("live", "/v1/live", { onEvent: take, silence: SILENCE });
  follow("events", `/v1/events?type=${KINDS}`, { onEvent: learn });
}

/** Call a function about a topic until the signal aborts. */
export function subscribe(topic, call, signal) {
  if (!subscribers.has(topic)) subscribers.set(topic, new Set());
  subscribers.get(topic).add(call);
  signal?.addEventListener("abort", () => subscribers.get(topic).delete(call), { once: true });
}

/** What never changes while the page is open, fetched once: behaviors, protocols, faults. */
export function catalogue(url) {
  if (!cache.has(url)) {
    const answer = request("GET", url);
    answer.catch(() => cache.delete(url));
    cache.set(url, answer);
  }
  return cache.get(url);
}

/** Fetch a proxy again, now. */
export function refresh(name) {
  return fetchOne(name, "state").catch(ignoreRefusal);
}

/** Keep the counts of a proxy and its rules fresh until the signal aborts. */
export function watch(name, signal) {
  const look = () => {
    if (document.hidden || !known.connected || !byName.has(name)) return;
    fetchOne(name, "status").catch(ignoreRefusal);
  };
  const timer = setInterval(look, LOOK);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

function publish(topic, news) {
  for (const call of subscribers.get(topic) ?? []) call(news);
}

function tell(name, isUp, error) {
  streams[name] = isUp;
  if (isUp && name === "events") renew(null);
  const connected = streams.live !== false && streams.events !== false;
  if (connected && !(streams.live && streams.events)) return; // one of them is on its way
  const problem = connected ? null : error;
  if (connected === known.connected && problem?.status === known.problem?.status) return;
  Object.assign(known, { connected, problem });
  publish("connection", connected);
}

function take(name, news) {
  if (name !== "sample") return;
  for (const [of, values] of Object.entries(news.proxies)) samples.set(of, values);
  known.totals = news.totals;
  seconds += 1;
  ahead = news.at - Date.now() / 1000;
  for (const each of byName.values()) remember(each.name, each.protocol);
  publish("samples", news.at);
}

function remember(name, protocol) {
  const last = samples.get(name);
  if (!last) return;
  const isTcp = protocol === "tcp";
  const value = isTcp ? last.bytes_to_backend + last.bytes_to_client : last.exchanges;
  let seen = traffic.get(name);
  if (!seen) {
    if (!value) return;
    traffic.set(name, (seen = new Array(Math.min(seconds, SEEN) - 1).fill(0)));
  }
  seen.push(value);
  if (seen.length > SEEN) seen.shift();
}

function learn(name, event) {
  if (name === "changed") {
    removals += event.removed.length;
    for (const each of event.removed) (stale.delete(each), forget(each));
    for (const each of [...event.added, ...event.changed]) stale.add(each);
    if (event.removed.length) publish("proxies", { names: new Set(event.removed), what: "state" });
    renew(GATHER);
  } else if (name === "lost") {
    renew(null);
  }
  publish("events", [{ type: name, ...event }]);
}

/** Fetch what is stale, after some milliseconds; null: everything, at once. */
async function renew(wait) {
  if (wait === null) stale.add(null);
  if (fetching) return;
  fetching = true;
  try {
    await sleep(wait ?? 0);
    while (stale.size) {
      const names = [...stale];
      const all = names.includes(null) || names.length > ONE_BY_ONE;
      if (all) await sleep(fetchedAll + REST - performance.now());
      stale.clear();
      await (all ? fetchAll() : Promise.all(names.map((name) => fetchOne(name, "state"))));
    }
  } catch (error) {
    ignoreRefusal(error);
    if (known.connected) setTimeout(() => renew(null), REST); // else when it is there again
  } finally {
    fetching = false;
  }
}

async function fetchAll() {
  fetchedAll = performance.now();
  const before = removals;
  const { proxies: found } = await request("GET", "/v1/proxies");
  const names = new Set([...byName.keys(), ...found.map((each) => each.name)]);
  byName.clear();
  for (const each of found) byName.set(each.name, each);
  for (const name of names) if (!byName.has(name)) forget(name);
  if (removals > before) stale.add(null); // the answer may be older than they are
  known.loaded = true;
  publish("proxies", { names, what: "state" });
}

async function fetchOne(name, what) {
  const wasThere = byName.has(name);
  try {
    const found = await request("GET", path("v1", "proxies", name));
    if (wasThere && !byName.has(name)) return; // it was removed meanwhile
    const [before, now] = [byName.get(name)?.status.generation, found.status.generation];
    if (before > now) return; // an answer that was overtaken
    const changed = before !== now;
    byName.set(name, found);
    publish("proxies", { names: new Set([name]), what: changed ? "state" : what });
  } catch (error) {
    if (error.status !== 404) throw error;
    forget(name);
    publish("proxies", { names: new Set([name]), what: "state" });
  }
}

function forget(name) {
  for (const map of [byName, samples, traffic]) map.delete(name);
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Requests to the API of the server that sent this page, and its streams of events.
//
// The token is asked for when the server wants one, and kept for as long as the tab is open.

const TOKEN = "vaurien-token";
const PATIENCE = 15_000; // milliseconds until a request is given up
const WAIT = 8_000; // until a stream begins
const SILENCE = 40_000; // of a stream that has a heartbeat every 15 seconds
const FIRST_PAUSE = 500; // milliseconds before a stream connects again; doubled, up to
const LONGEST_PAUSE = 5_000;

export const CROWDED = {
  title: "no answer yet",
  detail: "A browser opens six connections to a server: if it shows this in other windows, close one.",
};

let asking = null;
let declined = false; // to give a token: nobody is asked again until they say so
let askForToken = async () => null;

/** What the server says is wrong, or that it does not answer (status 0). */
export class ApiError extends Error {
  constructor(status, { title = "", detail = "", errors = [] } = {}) {
    super(detail || title || `the server answers ${status}`);
    this.status = status;
    this.title = title;
    this.detail = this.message;
    this.problems = errors; // each: pointer or parameter, detail, given, allowed
  }
}

/** Set how a token is asked for: gives a promise of it, or of null. */
export function setTokenPrompt(prompt) {
  askForToken = prompt;
}

/** Ask for a token again, at the next request that needs one, after somebody gave none. */
export function askAgain() {
  declined = false;
}

export function keepToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

/** The path of a resource, from its parts: path("v1", "proxies", "a/b"). */
export function path(...parts) {
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** Let it pass that the server refuses, or does not answer; raise any other error. */
export function ignoreRefusal(error) {
  if (!(error instanceof ApiError)) throw error;
}

/** Send a request; gives what the answer's JSON says, null if it is empty. */
export async function request(method, url, body) {
  const response = await send(url, {
    method,
    headers: method === "GET" ? {} : { "Content-Type": "application/json" }, // proves no form sent it
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await unlessGone(response.text());
  return text ? JSON.parse(text) : null;
}

/** Follow server-sent events until the signal aborts, over all interruptions.
 *
 * onEvent(name, data, id): data is what the JSON says. onState: "up", or "down" with the error if
 * there is one. silence: milliseconds without a word after which it connects again.
 * While nobody sees the page nothing is read: browsers allow six connections to a server, for all
 * tabs together. Events with ids go on where they ended.
 */
export async function stream(url, { onEvent, onState = () => {}, signal, silence = SILENCE }) {
  let last = "";
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    await visible(signal);
    if (signal.aborted) return;
    const once = new AbortController();
    let trouble = null;
    const stop = () => once.abort();
    const hide = () => document.hidden && once.abort();
    signal.addEventListener("abort", stop);
    document.addEventListener("visibilitychange", hide);
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const response = await send(url, { headers, signal: once.signal });
      onState("up");
      pause = FIRST_PAUSE;
      await read(response.body, once, silence, (event) => {
        last = event.id || last;
        if (event.data) onEvent(event.name, JSON.parse(event.data), event.id);
      });
    } catch (error) {
      if (error instanceof ApiError) trouble = error;
      else if (error.name !== "AbortError") reportError(error); // of a listener
    } finally {
      signal.removeEventListener("abort", stop);
      document.removeEventListener("visibilitychange", hide);
      once.abort();
    }
    if (signal.aborted) return;
    if (!document.hidden) {
      onState("down", trouble);
      await sleep(pause, signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
}

/** Fetch, with the token; ask for one and try again if it is wanted. */
async function send(url, options) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const wanted = { cache: "no-store", ...options, headers };
    const response = await unlessGone(options.signal ? begun(url, wanted) : limited(url, wanted));
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({ title: response.statusText }));
    const error = new ApiError(response.status, problem);
    if (response.status !== 401 || declined) throw error;
    if (token !== sessionStorage.getItem(TOKEN)) continue; // given meanwhile
    keepToken(null);
    asking ??= askForToken(token !== null).finally(() => (asking = null));
    const given = await asking;
    declined = !given;
    if (declined) throw error;
    keepToken(given);
  }
}

/** Fetch, all of it within a limit. */
function limited(url, options) {
  return fetch(url, { ...options, signal: AbortSignal.timeout(PATIENCE) });
}

/** Fetch what has no end, but must begin: it does not where the browser has no connection left. */
async function begun(url, options) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new ApiError(0, CROWDED)), WAIT);
  const signal = AbortSignal.any([options.signal, late.signal]);
  return fetch(url, { ...options, signal }).finally(() => clearTimeout(timer));
}

async function unlessGone(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ApiError) throw error;
    throw new ApiError(0, { title: "no answer", detail: "The server does not answer." });
  }
}

/** Read events until the stream ends, or nothing has come for too long. */
async function read(body, once, silence, onEvent) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const timer = setTimeout(() => once.abort(), silence);
    const { value, done } = await unlessGone(reader.read()).finally(() => clearTimeout(timer));
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) onEvent(parse(block));
  }
}

function parse(block) {
  const event = { name: "message", data: "", id: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon < 1) continue;
    const value = line.slice(colon + 2);
    if (line.startsWith("data")) event.data += value;
    else if (line.startsWith("event")) event.name = value;
    else if (line.startsWith("id")) event.id = value;
  }
  return event;
}

function visible(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
  });
}

/** Wait, or until the signal aborts, if there is one. */
export function sleep(milliseconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
}

// The page: its frame, and the view that the part of the URL after # names.
//
// A view is a module with show(container, params, signal). All that it begins ends when the signal
// aborts, which is when another view takes its place.

import { el, setText } from "./dom.js";
import { keepToken, setTokenPrompt } from "./api.js";
import { promptForToken } from "./dialogs.js";
import { showFrame } from "./frame.js";
import { start } from "./store.js";
import * as events from "./events.js";
import * as presets from "./presets.js";
import * as proxies from "./proxies.js";
import * as proxyForm from "./proxy_form.js";
import * as proxy from "./proxy.js";

const ROUTES = [
  { pattern: /^\/$/, view: proxies, title: () => "Proxies", nav: "#/" },
  { pattern: /^\/proxies\/([^/]+)$/, view: proxy, title: ({ name }) => name, nav: "#/" },
  { pattern: /^\/add$/, view: proxyForm, title: () => "Add a proxy", nav: "#/" },
  { pattern: /^\/events$/, view: events, title: () => "Events", nav: "#/events" },
  { pattern: /^\/presets$/, view: presets, title: () => "Presets", nav: "#/presets" },
];

let current = new AbortController();

/** The route of a place such as "#/proxies/cache?rule=slow": its view, and its parameters. */
function find(hash) {
  const [place, query = ""] = (hash.replace(/^#/, "") || "/").split("?");
  for (const route of ROUTES) {
    const found = route.pattern.exec(place);
    if (!found) continue;
    const params = Object.fromEntries(new URLSearchParams(query));
    if (found[1] !== undefined) params.name = decode(found[1]);
    return { ...route, params };
  }
  return null;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function show(moveFocus) {
  current.abort();
  current = new AbortController();
  const main = document.getElementById("main");
  const route = find(location.hash);
  const title = route ? route.title(route.params) : "Not found";
  document.title = `${title} · vaurien`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === route?.nav) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const container = el("div", { class: "view" });
  main.replaceChildren(container);
  if (route) route.view.show(container, route.params, current.signal);
  else container.append(el("h1", { text: title }), el("a", { href: "#/", text: "All proxies" }));
  if (moveFocus) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
    setText(document.getElementById("arrival"), title);
  }
}

/** Take the token of a URL that the server has printed, and leave it in no history. */
function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  keepToken(decode(found[1]));
  history.replaceState(null, "", "#/");
}

takeToken();
setTokenPrompt(promptForToken);
showFrame();
start(new AbortController().signal);
addEventListener("hashchange", () => (takeToken(), show(true)));
show(false);

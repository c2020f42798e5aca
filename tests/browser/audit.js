// What a page makes hard for those who do not see it, or use no mouse: a list of texts.
() => {
  const faults = [];
  const tell = (element, what) => {
    const { id, className, tagName, textContent } = element;
    const told = [tagName.toLowerCase(), id && `#${id}`, className && `.${className}`].filter(Boolean);
    faults.push(`${told.join("")} "${textContent.trim().slice(0, 40)}": ${what}`);
  };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const modal = all("dialog[open]").at(-1);
  const isShown = (element) =>
    element.checkVisibility({ visibilityProperty: true }) &&
    !element.closest("[aria-hidden=true]") && (!modal || modal.contains(element));
  const shown = (selector) => all(selector).filter(isShown);

  // Names, of what can be used and of what is an image.
  const texts = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "");
  const nameOf = (element) => [
    ...texts(element.getAttribute("aria-labelledby") ?? ""),
    element.getAttribute("aria-label"),
    ...[...(element.labels ?? [])].map((label) => label.textContent),
    element.matches("input, select, textarea, svg") ? "" : element.textContent,
    element.querySelector?.("title")?.textContent,
  ].join("").trim();
  const USED = "a[href], button, input, select, textarea, summary, [tabindex='0'], dialog[open]";
  for (const element of shown(`${USED}, svg, [role=img], [role=region]`)) {
    if (!nameOf(element)) tell(element, "has no name");
  }
  for (const element of shown("[tabindex]")) {
    if (element.tabIndex > 0) tell(element, "is out of the order of the focus");
  }

  // Ids, and what refers to them.
  const ids = all("[id]").map((element) => element.id);
  for (const element of all("[id]")) {
    if (ids.filter((id) => id === element.id).length > 1) tell(element, "has the id of another");
  }
  for (const key of ["aria-labelledby", "aria-describedby", "for"]) {
    for (const element of all(`[${key}]`)) {
      const missing = element.getAttribute(key).split(/\s+/).filter((id) => !ids.includes(id));
      if (missing.length) tell(element, `${key} refers to ${missing}, which is not there`);
    }
  }

  // The structure.
  if (!document.documentElement.lang || !document.title) faults.push("no language, or no title");
  for (const landmark of ["main", "body > header", "h1"]) {
    if (all(landmark).length !== 1) faults.push(`not one ${landmark}`);
  }
  const areas = shown("nav, [role=region], section, form[role=search]").map(nameOf);
  if (new Set(areas).size < areas.length) faults.push(`areas of the same name: ${areas}`);
  let level = 1;
  for (const heading of modal ? [] : shown("h1, h2, h3, h4")) {
    const now = Number(heading.tagName[1]);
    if (now > level + 1) tell(heading, `follows a heading of level ${level}`);
    level = now;
  }
  for (const item of all("li")) if (!item.parentElement.matches("ul, ol")) tell(item, "is in no list");
  for (const item of shown("[role=switch]")) {
    if (!item.hasAttribute("aria-checked")) tell(item, "does not say whether it is on");
  }

  // What can be seen and hit: contrast (WCAG 1.4.3), size (2.5.8), width of the page (1.4.10).
  const partsOf = (color) => {
    const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
    const scale = color.startsWith("color(") ? 255 : 1;
    return [red * scale, green * scale, blue * scale, alpha];
  };
  const over = ([red, green, blue, alpha], below) =>
    [red, green, blue].map((part, at) => part * alpha + below[at] * (1 - alpha)).concat(1);
  const groundOf = (element) => {
    if (!element) return [255, 255, 255, 1];
    const own = partsOf(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, groundOf(element.parentElement));
  };
  const light = (color) => {
    const [red, green, blue] = color.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  for (const element of shown("body *")) {
    const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!says || element.closest(":disabled, .hidden, noscript, svg")) continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const lights = [light(over(partsOf(style.color), ground)), light(ground)].sort((a, b) => b - a);
    const contrast = (lights[0] + 0.05) / (lights[1] + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700);
    if (contrast < (isLarge ? 3 : 4.5)) tell(element, `has a contrast of ${contrast.toFixed(2)}`);
  }
  for (const element of shown("button, select, input:not([type=checkbox])")) {
    const { width, height } = element.getBoundingClientRect();
    const isLarger = getComputedStyle(element, "::before").content !== "none"; // than it looks
    if (Math.min(width, height) < 24 && !isLarger && !element.closest("thead")) {
      tell(element, `is small: ${width} × ${height}`);
    }
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`the page is ${scrollWidth - clientWidth} too wide`);
  return faults;
}

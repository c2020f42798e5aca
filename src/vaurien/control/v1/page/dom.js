// Makes and changes elements. Law: what comes from data reaches the page only as text or as the
// value of an attribute, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element of HTML.
 *
 * props: attributes (null, undefined, false: left out; true: empty), and
 *   text: what it says; on: listeners by event; prop: properties, such as {value: "x"}.
 * children: nodes and texts, also in arrays; null, undefined and false are left out.
 */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Make an element of SVG, as el does. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Remove all children; give the node. */
export function clear(node) {
  node.replaceChildren();
  return node;
}

/** Change what a node says, if it says something else. */
export function setText(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

/** Change an attribute, if it is different; null and false remove it. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const wanted = value === true ? "" : String(value);
  if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
}

let numbers = 0;

/** A new id for an element, which others refer to: labels, descriptions. */
export function newId(word = "id") {
  numbers += 1;
  return `${word}-${numbers}`;
}

function fill(node, { text, on = {}, prop = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  if (text !== undefined && text !== null) node.textContent = text;
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  Object.assign(node, prop);
  node.append(...children.flat(Infinity).filter(isThere));
  return node;
}

function isThere(child) {
  return child !== null && child !== undefined && child !== false;
}

// Shows the description of the API. Everything is set as text, never as HTML.

function make(name, text, ...children) {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

function withClass(element, name) {
  element.className = name;
  return element;
}

function schemaOf(schema, components, depth = 0) {
  if (!schema || typeof schema !== "object" || depth > 6) return schema;
  if (Array.isArray(schema)) return schema.map((each) => schemaOf(each, components, depth));
  if (schema.$ref) return schemaOf(components[schema.$ref.split("/").pop()], components, depth + 1);
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, schemaOf(value, components, depth)]),
  );
}

function schemaBlock(title, schema, components) {
  const text = JSON.stringify(schemaOf(schema, components), null, 2);
  return make("details", "", make("summary", title), make("pre", text));
}

function parameters(operation) {
  const rows = operation.parameters.map((each) =>
    make(
      "tr",
      "",
      make("td", "", make("code", each.name)),
      make("td", each.in),
      make("td", each.description ?? (each.required ? "required" : "")),
    ),
  );
  if (!rows.length) return [];
  const head = make("tr", "", ...["parameter", "in", ""].map((text) => make("th", text)));
  return [make("table", "", make("thead", "", head), make("tbody", "", ...rows))];
}

function section(method, path, operation, components) {
  const summary = make(
    "summary",
    "",
    withClass(make("span", method.toUpperCase()), "method"),
    make("code", path),
    withClass(make("span", operation.summary), "summary"),
  );
  const parts = parameters(operation);
  for (const [type, content] of Object.entries(operation.requestBody?.content ?? {})) {
    parts.push(schemaBlock(`body: ${type}`, content.schema, components));
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    const [content] = Object.values(response.content ?? {});
    const title = `${status} ${response.description}`;
    parts.push(content ? schemaBlock(title, content.schema, components) : make("p", title));
  }
  return make("details", "", summary, ...parts);
}

function show(description) {
  const groups = new Map();
  for (const [path, operations] of Object.entries(description.paths)) {
    const group = path.startsWith("/v1/") ? path.split("/")[2] : "server";
    const sections = Object.entries(operations).map(([method, operation]) =>
      section(method, path, operation, description.components.schemas),
    );
    groups.set(group, [...(groups.get(group) ?? []), ...sections]);
  }
  const parts = [...groups].flatMap(([name, sections]) => [make("h2", name), ...sections]);
  document.getElementById("operations").replaceChildren(...parts);
}

async function load(token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const outcome = document.getElementById("outcome");
  try {
    const response = await fetch("/openapi.json", { headers });
    const body = await response.json();
    if (response.ok) show(body);
    outcome.textContent = response.ok ? "" : (body.detail ?? response.statusText);
  } catch (error) {
    outcome.textContent = String(error);
  }
}

document.getElementById("access").addEventListener("submit", (event) => {
  event.preventDefault();
  load(document.getElementById("token").value);
});
load("");

// The faults of protocols: errors as real servers report them.

import { path } from "./api.js";
import { chooseOne } from "./choices.js";
import { catalogue } from "./store.js";

/** The faults of a protocol, as a promise; none for a protocol that has none. */
export async function faultsOf(protocol) {
  const { faults } = await catalogue(path("v1", "faults", protocol));
  return faults;
}

/** The fault that a name, or another identifier, stands for; undefined for none. */
export function faultNamed(faults, name) {
  const wanted = name.toLowerCase();
  return faults.find((fault) =>
    [fault.name, ...fault.aliases].some((known) => known.toLowerCase() === wanted),
  );
}

/** Let a fault be chosen from a list that says what each does; gives a promise of it, or null. */
export async function chooseFault(protocol) {
  const items = (await faultsOf(protocol)).map(itemOf);
  const chosen = await chooseOne(`Faults of ${protocol}`, {
    noun: "fault",
    items,
    note:
      "What the real server answers when something is wrong. Rules that play one apply only " +
      "where a real server would report it.",
  });
  return chosen && chosen.fault;
}

/** A fault as an item of a list. */
export function itemOf(fault) {
  const others = fault.aliases.length ? ` (${fault.aliases.join(", ")})` : "";
  return {
    fault,
    name: fault.name,
    title: `${fault.name}${others}`,
    text: fault.meaning,
    code: fault.wire,
    more: [["exercises", fault.exercises]],
  };
}

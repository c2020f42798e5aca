// Numbers and times as people read them.

const NONE = "–";

/** A count or a rate: 0, 0.4, 12, 1,234, 12.3k. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 1e6) return `${significant(value / 1e6)}M`;
  if (size >= 1e4) return `${significant(value / 1e3)}k`;
  if (size >= 10 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  return value.toFixed(1);
}

/** Milliseconds: 0.08 ms, 4.2 ms, 350 ms, 2.5 s. */
export function milliseconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 1000) return `${significant(value / 1000)} s`;
  return `${significant(value)} ms`;
}

/** Bytes: 512 B, 1.5 kB, 20 MB. */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  for (; value >= 1000 && power < units.length - 1; power += 1) value /= 1000;
  return `${significant(value)} ${units[power]}`;
}

/** Seconds: 4.2 s, 3 min 20 s, 2 h 5 min. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 60) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  return two(Math.floor(whole / 3600), "h", Math.round((whole % 3600) / 60), "min");
}

/** A moment, in seconds since 1970, as the time of the day. */
export function time(at, withSeconds = true) {
  const moment = new Date(at * 1000);
  const parts = [moment.getHours(), moment.getMinutes()];
  if (withSeconds) parts.push(moment.getSeconds());
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** How many there are of a thing: "1 rule", "3 rules". */
export function count(many, one, several = `${one}s`) {
  return `${many.toLocaleString("en")} ${many === 1 ? one : several}`;
}

function significant(value) {
  const size = Math.abs(value);
  const text = value.toFixed(size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function two(large, largeUnit, small, smallUnit) {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}

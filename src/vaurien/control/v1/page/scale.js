// Where values are on an axis: linear from zero, or logarithmic; and the moments of a time axis.

/** A scale for values up to the greatest: {ticks, at(value)}: at gives 0 at the bottom, 1 on top. */
export function linear(most) {
  const step = most ? niceStep(most / 3) : 1;
  const top = most ? Math.ceil(most / step) * step : 1;
  const ticks = [];
  for (let index = 0; index * step <= top * 1.001; index += 1) ticks.push(round(index * step));
  return { ticks, at: (value) => value / top };
}

/** The same by decades, at least two of them, as response times need it. */
export function logarithmic(least, most) {
  const first = Math.floor(Math.log10(Math.max(least || 0.1, 0.01)));
  const last = Math.max(first + 2, Math.ceil(Math.log10(Math.max(most || 1, 0.01)) - 1e-9));
  const ticks = [];
  for (let power = first; power <= last; power += 1) ticks.push(round(10 ** power));
  const at = (value) => (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first);
  return { ticks, at };
}

/** Moments to mark on a time axis, in seconds since 1970. */
export function moments(from, to) {
  const step = to - from > 1200 ? 600 : 60;
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((each) => each * power >= rough * 0.999) * power;
}

function round(value) {
  return Number(value.toPrecision(12));
}

/* Numbers, bytes (kB = 1,000), shares and virtual times as text. */

const inEnglish = new Intl.NumberFormat("en-US");
const number = value => inEnglish.format(value);
const bytes = value => (value === null || value === undefined ? "not measured" : `${number(value)} B`);
const kB = value =>
  value === null || value === undefined
    ? "not measured"
    : value < 1000
      ? `${value} B`
      : `${(value / 1000).toFixed(value < 99950 ? 1 : 0)} kB`;
const share = (part, whole) => {
  const percent = (100 * part) / whole;
  return whole ? `${percent.toFixed(percent < 9.95 || (percent >= 99 && percent < 100) ? 1 : 0)} %` : "";
};
const seconds = ns => `${(ns / 1e9).toFixed(3)} s`;
const hex = address => `0x${address.toString(16).padStart(8, "0")}`;

/** A length of virtual time, short: 0.2 s, 42 s, 5 min, 3 h. */
function span(ns) {
  const sec = ns / 1e9;
  if (sec < 10) return `${+sec.toFixed(1)} s`;
  if (sec < 120) return `${Math.round(sec)} s`;
  return sec < 7200 ? `${Math.round(sec / 60)} min` : `${+(sec / 3600).toFixed(1)} h`;
}

/** Round values from 0 to `most`, about `count` of them. */
function ticks(most, count) {
  const raw = most / count,
    power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= raw);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, n) => n * step);
}

const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
const most = values => values.reduce((high, value) => Math.max(high, value ?? 0), 0);
const sum = values => values.reduce((all, value) => all + value, 0);

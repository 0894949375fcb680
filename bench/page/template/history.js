/* Sizes from commit to commit. */

function drawHistory() {
  const entries = core.history ?? [], section = $("#history");
  if (!entries.length) return false;
  section.hidden = false;
  const series = new Map();
  for (const entry of entries) {
    const name = [entry.board, entry.variant].filter(Boolean).join(" ");
    if (!series.has(name)) series.set(name, []);
    series.get(name).push(entry);
  }
  const revisions = [...new Set(entries.map(entry => entry.revision))];
  const charts = ["rom", "ram"].map(kind => {
    const holder = h("div", { class: "chart" });
    return { kind, holder, draw: () => holder.replaceChildren(historyChart(kind, series, revisions, holder.clientWidth)) };
  });
  section.append(
    h("ul", { class: "legend" }, [...series.keys()].map((name, n) => h("li", {}, h("i", { class: `swatch line-${n % 6}`, "aria-hidden": "true" }), name))),
    h("div", { class: "columns" }, charts.map(({ kind, holder }) => h("article", { class: "card" }, h("h3", {}, kind.toUpperCase()), holder))),
    asTable("As a table", () => table("Bytes by commit", [["revision"], ["date"], ["image"], ["ROM", "num"], ["RAM", "num"]],
      [...entries].reverse().map(entry => [entry.revision, entry.date, [entry.board, entry.variant].filter(Boolean).join(" "), entry.rom, entry.ram]))));
  for (const { holder, draw } of charts) {
    draw();
    onResize(holder, draw);
    tipped(holder, "[data-told]", at => at.dataset.told.split("\n").map((line, n) => h(n ? "div" : "b", {}, line)));
  }
  return true;
}

function historyChart(kind, series, revisions, width) {
  const height = 230, left = 52, right = 12, top = 12, bottom = 24;
  const all = [...series.values()].flat().map(entry => entry[kind]);
  const spread = Math.max(...all) - Math.min(...all), low = Math.max(0, Math.min(...all) - Math.max(spread, 500)), high = Math.max(...all) + Math.max(spread, 500) * 0.2;
  const x = revision => left + (width - left - right) * (revisions.length < 2 ? 0.5 : revisions.indexOf(revision) / (revisions.length - 1));
  const y = value => top + (height - top - bottom) * (1 - (value - low) / (high - low));
  const picture = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${kind.toUpperCase()} by commit; the table below says the same` });
  for (let n = 0; n <= 4; n++) {
    const value = low + (high - low) * n / 4;
    picture.append(s("line", { class: "rule", x1: left, x2: width - right, y1: y(value), y2: y(value) }), s("text", { class: "label soft", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, kB(Math.round(value))));
  }
  [...series.values()].forEach((entries, n) => {
    picture.append(s("path", { class: `line line-${n % 6}`, d: entries.map((entry, m) => `${m ? "L" : "M"}${x(entry.revision).toFixed(1)} ${y(entry[kind]).toFixed(1)}`).join("") }));
    for (const entry of entries) picture.append(s("circle", { class: `dot line-${n % 6}`, cx: x(entry.revision), cy: y(entry[kind]), r: 3.5,
      "data-told": `${entry.revision}\n${entry.date ?? ""}\n${entry.board}: ${number(entry[kind])} B` }));
  });
  picture.append(s("text", { class: "label soft", x: left, y: height - 6 }, String(revisions[0])), s("text", { class: "label soft", x: width - right, y: height - 6, "text-anchor": "end" }, String(revisions[revisions.length - 1])));
  return picture;
}

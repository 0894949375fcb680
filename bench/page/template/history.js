/* What the images cost from commit to commit: bench.memory.history.Entry. */

const HISTORY = [
  ["ROM", entry => entry.rom],
  ["RAM reserved", entry => entry.ram],
  ["Heap, reachable", entry => entry.run?.heap_live],
  ["Stack", entry => entry.run?.stack_peak],
];

function drawHistory() {
  const entries = core.history ?? [],
    section = $("#history");
  if (!entries.length) return false;
  section.hidden = false;
  const series = new Map();
  for (const entry of entries) {
    const name = `${entry.board} ${entry.variant}`;
    if (!series.has(name)) series.set(name, []);
    series.get(name).push(entry);
  }
  const revisions = [...new Set(entries.map(entry => entry.revision))];
  const charts = HISTORY.filter(([, value]) => entries.some(entry => typeof value(entry) === "number")).map(
    ([title, value]) => {
      const holder = h("div", { class: "chart" });
      return {
        title,
        holder,
        draw: () => holder.replaceChildren(historyChart(title, value, series, revisions, holder.clientWidth)),
      };
    },
  );
  section.append(
    h(
      "p",
      { class: "lead" },
      `${plural(revisions.length, "commit")}, as `,
      h("code", {}, "ocpp-bench history"),
      " measured them.",
    ),
    h(
      "ul",
      { class: "legend" },
      [...series.keys()].map((name, n) =>
        h("li", {}, h("i", { class: `swatch line-${n % 6}`, "aria-hidden": "true" }), name),
      ),
    ),
    h(
      "div",
      { class: "columns" },
      charts.map(({ title, holder }) => h("article", { class: "card" }, h("h3", {}, title), holder)),
    ),
    asTable("As a table", () =>
      table(
        "Bytes by commit, the newest first",
        [["revision"], ["date"], ["image"], ...HISTORY.map(([title]) => [title, "num"])],
        [...entries]
          .reverse()
          .map(entry => [
            entry.revision,
            day(entry),
            `${entry.board} ${entry.variant}`,
            ...HISTORY.map(([, value]) => value(entry) ?? ""),
          ]),
      ),
    ),
  );
  for (const { holder, draw } of charts) {
    draw();
    onResize(holder, draw);
    tipped(holder, "[data-told]", at =>
      at.dataset.told.split("\n").map((line, n) => h(n ? "div" : "b", {}, line)),
    );
  }
  return true;
}

const day = entry => String(entry.date).slice(0, 16).replace("T", " ");

/** Components that differ from the entry before, the largest difference first. */
function grown(entry, before, kind) {
  const names = [...new Set([...Object.keys(entry.components), ...Object.keys(before.components)])];
  return names
    .map(name => [name, (entry.components[name]?.[kind] ?? 0) - (before.components[name]?.[kind] ?? 0)])
    .filter(([, growth]) => growth)
    .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
    .slice(0, 4)
    .map(([name, growth]) => `${name} ${growth > 0 ? "+" : "−"}${number(Math.abs(growth))}`);
}

function historyChart(title, value, series, revisions, width) {
  const height = 230,
    left = 58,
    right = 12,
    top = 12,
    bottom = 24;
  const all = [...series.values()]
    .flat()
    .map(value)
    .filter(each => typeof each === "number");
  const spread = Math.max(Math.max(...all) - Math.min(...all), 500),
    low = Math.max(0, Math.min(...all) - spread * 0.4),
    high = Math.max(...all) + spread * 0.2;
  const x = revision =>
    left +
    (width - left - right) *
      (revisions.length < 2 ? 0.5 : revisions.indexOf(revision) / (revisions.length - 1));
  const y = each => top + (height - top - bottom) * (1 - (each - low) / (high - low));
  const picture = s("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `${title} by commit; the table below says the same`,
  });
  const step = ticks(high - low, 4)[1];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step)
    picture.append(
      s("line", { class: "rule", x1: left, x2: width - right, y1: y(at), y2: y(at) }),
      s(
        "text",
        { class: "label soft", x: left - 6, y: y(at) + 4, "text-anchor": "end" },
        `${number(at / 1000)} kB`,
      ),
    );
  [...series.values()].forEach((entries, n) => {
    const known = entries.filter(entry => typeof value(entry) === "number");
    picture.append(
      s("path", {
        class: `line line-${n % 6}`,
        d: known
          .map((entry, m) => `${m ? "L" : "M"}${x(entry.revision).toFixed(1)} ${y(value(entry)).toFixed(1)}`)
          .join(""),
      }),
    );
    known.forEach((entry, m) => {
      const told = [
        entry.revision,
        `${day(entry)} · ${entry.board} ${entry.variant}`,
        `${number(value(entry))} B`,
      ];
      if (m) {
        const growth = value(entry) - value(known[m - 1]),
          kind = { ROM: "rom", "RAM reserved": "ram" }[title];
        told.push(
          `${growth > 0 ? "+" : growth < 0 ? "−" : "±"}${number(Math.abs(growth))} B since ${known[m - 1].revision}`,
          ...(kind ? grown(entry, known[m - 1], kind) : []),
        );
      }
      picture.append(
        s("circle", {
          class: `dot line-${n % 6}`,
          cx: x(entry.revision),
          cy: y(value(entry)),
          r: 3.5,
          "data-told": told.join("\n"),
        }),
      );
    });
  });
  picture.append(
    s("text", { class: "label soft", x: left, y: height - 6 }, String(revisions[0])),
    s(
      "text",
      { class: "label soft", x: width - right, y: height - 6, "text-anchor": "end" },
      String(revisions[revisions.length - 1]),
    ),
  );
  return picture;
}

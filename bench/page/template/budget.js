/* Bars against bench/memory/budget.toml. */

function drawBudget() {
  const section = $("#budget"), measured = core.boards.filter(board => core.images[board]);
  if (!measured.length) return section.append(notMeasured("ROM and RAM were not measured in this run."));
  section.append(
    h("p", { class: "lead" }, "ROM is the image as it lies in flash; RAM is what it reserves: static data, heap area and stack area. Limits are those of ",
      h("code", {}, "bench/memory/budget.toml"), "."),
    h("div", { class: "columns" }, measured.map(boardBudget)));
}

function boardBudget(board) {
  const image = core.images[board], pieces = romOf(board);
  const ramBy = { "heap area": 0, "stack area": 0, "static data": image.fixed_ram };
  for (const area of ["heap", "stack"]) if (image[area]) ramBy[`${area} area`] = image[area].end - image[area].start;
  const levels = ["component", "block"].map(level => {
    const sizes = sizesBy(pieces, level);
    return h("details", { open: level === "component" },
      h("summary", {}, `ROM by ${level}`),
      sizes.map(([name, size]) => budgetRow(name, size, limitOf(board, "ROM", level, name), sizes[0][1])));
  });
  return h("article", { class: "card" },
    h("h3", {}, board),
    gauge("ROM", image.rom, limitOf(board, "ROM")),
    gauge("RAM", image.ram, limitOf(board, "RAM")),
    levels,
    h("details", {}, h("summary", {}, "RAM by use"),
      Object.entries(ramBy).map(([name, size]) => budgetRow(name, size, null, most(Object.values(ramBy))))));
}

const sizesBy = (pieces, level) => {
  const sizes = new Map();
  for (const piece of pieces) sizes.set(piece[level], (sizes.get(piece[level]) ?? 0) + piece.size);
  return [...sizes].sort((a, b) => b[1] - a[1]);
};

function budgetRow(name, size, limit, largest) {
  const above = limit !== null && size > limit, scale = Math.max(largest, limit ?? 0);
  return h("div", { class: `budget-row${above ? " above" : ""}` },
    h("span", {}, name),
    h("span", { class: "track", "aria-hidden": "true" },
      h("i", { css: { width: `${100 * size / scale}%` } }),
      limit !== null && h("b", { css: { left: `${100 * limit / scale}%` } })),
    h("span", { class: "num" }, number(size), limit !== null && h("small", {}, ` of ${number(limit)}${above ? " ✗" : ""}`)));
}

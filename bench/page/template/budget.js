/* Bars against bench/memory/budget.toml. */

function drawBudget() {
  const section = $("#budget"),
    measured = core.boards.filter(board => core.images[board]);
  if (!measured.length) return section.append(notMeasured("ROM and RAM were not measured in this run."));
  section.append(
    h(
      "p",
      { class: "lead" },
      "ROM is the image as it lies in flash; RAM is what it reserves: static data, heap area and stack area. Limits are those of ",
      h("code", {}, "bench/memory/budget.toml"),
      ".",
    ),
    h("div", { class: "columns" }, measured.map(boardBudget)),
  );
}

function boardBudget(board) {
  const image = core.images[board],
    pieces = { ROM: romOf(board), RAM: ramOf(board) };
  const shares = [
    ["ROM", "component"],
    ["ROM", "block"],
    ["RAM", "component"],
    ["RAM", "block"],
  ].map(([kind, level]) => {
    const sizes = sizesBy(pieces[kind], level);
    const over = sizes.filter(
      ([name, size]) => size > (limitOf(board, kind, level, name) ?? Infinity),
    ).length;
    return h(
      "details",
      { open: (kind === "ROM" && level === "component") || over > 0 },
      h("summary", {}, `${kind} by ${level}`, over > 0 && h("strong", {}, ` ✗ ${over} above`)),
      sizes.map(([name, size]) => budgetRow(name, size, limitOf(board, kind, level, name), sizes[0][1])),
    );
  });
  return h(
    "article",
    { class: "card" },
    h("h3", {}, board),
    gauge("ROM", image.rom, limitOf(board, "ROM")),
    gauge("RAM", image.ram, limitOf(board, "RAM")),
    shares,
  );
}

const sizesBy = (pieces, level) => {
  const sizes = new Map();
  for (const piece of pieces) sizes.set(piece[level], (sizes.get(piece[level]) ?? 0) + piece.size);
  return [...sizes].sort((a, b) => b[1] - a[1]);
};

function budgetRow(name, size, limit, largest) {
  const above = limit !== null && size > limit,
    scale = Math.max(largest, limit ?? 0);
  return h(
    "div",
    { class: `budget-row${above ? " above" : ""}` },
    h("span", {}, name),
    h(
      "span",
      { class: "track", "aria-hidden": "true" },
      h("i", { css: { width: `${(100 * Math.max(size, 0)) / scale}%` } }),
      limit !== null && h("b", { css: { left: `${(100 * limit) / scale}%` } }),
    ),
    h(
      "span",
      { class: "num" },
      number(size),
      limit !== null && h("small", {}, ` of ${number(limit)}${above ? " ✗" : ""}`),
    ),
  );
}

/** Limits that an image is above: {board, kind, name, size, limit}, name "" for its whole. */
function brokenLimits(board) {
  const image = core.images[board],
    found = [];
  const check = (kind, level, name, size) => {
    const limit = limitOf(board, kind, level, name);
    if (limit !== null && size > limit) found.push({ board, kind, name, size, limit });
  };
  for (const [kind, pieces] of [
    ["ROM", romOf(board)],
    ["RAM", ramOf(board)],
  ]) {
    check(kind, "total", "", image[kind.toLowerCase()]);
    for (const level of ["component", "block"])
      for (const [name, size] of sizesBy(pieces, level)) check(kind, level, name, size);
  }
  return found;
}

/* RAM by address, from bottom to top: the whole memory, what the image reserves of it, its static data. */

function drawRam() {
  const section = $("#ram"),
    boards = core.boards.filter(board => core.images[board]);
  if (!boards.length) return section.append(notMeasured("RAM was not measured in this run."));
  const cards = boards.map(board => ({ board, holder: h("div", { class: "chart" }) }));
  section.append(
    h(
      "p",
      { class: "lead" },
      "To scale, three times: the memory of the chip, what the image reserves of it, and its static data. Within the heap, amounts and not places: the most that could be reached, the garbage beside it at its peak, and what was never in use at once.",
    ),
    h(
      "ul",
      { class: "legend" },
      RAM_PARTS.map(([slug, text]) =>
        h("li", {}, h("i", { class: `swatch ram-${slug}`, "aria-hidden": "true" }), text),
      ),
    ),
    h(
      "div",
      { class: "columns" },
      cards.map(({ board, holder }) =>
        h("article", { class: "card" }, h("h3", {}, board), holder, ramTable(board), heapOwners(board)),
      ),
    ),
  );
  for (const { board, holder } of cards) {
    const draw = () => holder.replaceChildren(ramMap(board, holder.clientWidth));
    draw();
    onResize(holder, draw);
    tipped(holder, "[data-told]", at =>
      at.dataset.told.split("\n").map((line, n) => h(n ? "div" : "b", {}, line)),
    );
  }
}

const RAM_PARTS = [
  ["stack", "stack, used"],
  ["stackfree", "stack, never touched"],
  ["data", ".data"],
  ["bss", ".bss, .noinit"],
  ["live", "heap, reachable"],
  ["garbage", "heap, garbage at its peak"],
  ["heapfree", "heap, free"],
  ["unused", "not reserved"],
];

/** What lies where: {from, to, slug, title, told}; without gaps within what the image reserves. */
function ramParts(board) {
  const image = core.images[board],
    memory = key => highest(board, key)?.memory[key] ?? null,
    parts = [];
  const add = (from, to, slug, title, ...more) => {
    if (to > from)
      parts.push({
        from,
        to,
        slug,
        title,
        told: [`${title}: ${number(to - from)} B`, `${hex(from)} to ${hex(to)}`, ...more].join("\n"),
      });
  };
  const pieces = ramOf(board).filter(piece => !["heap area", "stack area"].includes(piece.symbol));
  for (const piece of pieces)
    add(
      piece.address,
      piece.address + piece.size,
      piece.section === ".data" ? "data" : "bss",
      piece.symbol,
      `${piece.section}, ${place(piece)}`,
    );
  if (image.stack) {
    const { start, end } = image.stack,
      peak = memory("stack_peak");
    if (peak === null) add(start, end, "stackfree", "stack (not measured)");
    else {
      add(start, end - peak, "stackfree", "stack, never touched", "painted before power-on");
      add(end - peak, end, "stack", "stack, used at most", `in ${highest(board, "stack_peak").name}`);
    }
  }
  if (image.heap) {
    const { start, end } = image.heap,
      live = memory("heap_live"),
      peak = memory("heap_peak");
    if (live === null) add(start, end, "heapfree", "heap (not measured)");
    else {
      add(start, start + live, "live", "heap, reachable at most", `in ${highest(board, "heap_live").name}`);
      add(
        start + live,
        start + Math.max(live, peak ?? 0),
        "garbage",
        "garbage at its peak",
        "MicroPython collects when the heap is full",
      );
      add(start + Math.max(live, peak ?? 0), end, "heapfree", "heap, never in use");
    }
  }
  return parts.sort((a, b) => a.from - b.from);
}

function ramMap(board, width) {
  const image = core.images[board],
    parts = ramParts(board),
    narrow = width < 460;
  if (!parts.length) return notMeasured("The image says nothing of its RAM.");
  const region = image.regions.find(
    each =>
      each.kind === "RAM" &&
      each.length &&
      parts[0].from >= each.origin &&
      parts[0].from < each.origin + each.length,
  );
  const low = parts[0].from,
    high = parts[parts.length - 1].to;
  const fixed = parts.filter(part => part.slug === "data" || part.slug === "bss");
  const height = 560,
    top = 26,
    bottom = 22,
    tall = height - top - bottom;
  const at = narrow
    ? { a: 4, aw: 30, b: 84, bw: 88, c: 200, cw: 44 }
    : { a: 6, aw: 54, b: 150, bw: 150, c: 372, cw: 70 };
  const columns = [
    region && {
      x: at.a,
      w: at.aw,
      from: region.origin,
      to: region.origin + region.length,
      title: narrow ? kB(region.length) : `${kB(region.length)} chip`,
    },
    {
      x: at.b,
      w: at.bw,
      from: low,
      to: high,
      title: narrow ? kB(image.ram) : `${number(image.ram)} B reserved`,
    },
    fixed.length > 0 && {
      x: at.c,
      w: at.cw,
      from: fixed[0].from,
      to: fixed[fixed.length - 1].to,
      title: narrow ? `${kB(image.fixed_ram)} static` : `${number(image.fixed_ram)} B static`,
    },
  ].filter(Boolean);
  const y = (column, address) => top + tall * (1 - (address - column.from) / (column.to - column.from));
  const picture = s("svg", {
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `RAM map of ${board}; the table below it says the same`,
  });
  for (let n = 0; n + 1 < columns.length; n++) {
    const [left, right] = [columns[n], columns[n + 1]];
    picture.append(
      s("polygon", {
        class: "lens",
        points: `${left.x + left.w},${y(left, right.to)} ${right.x},${top} ${right.x},${top + tall} ${left.x + left.w},${y(left, right.from)}`,
      }),
    );
  }
  for (const column of columns) {
    const inside = parts.filter(part => part.from < column.to && part.to > column.from);
    picture.append(s("text", { class: "label strong", x: column.x, y: 14 }, column.title));
    picture.append(
      s("rect", {
        class: "ram-unused part",
        x: column.x,
        y: top,
        width: column.w,
        height: tall,
        "data-told": `not reserved: ${number(column.to - column.from - sum(inside.map(part => part.to - part.from)))} B`,
      }),
    );
    for (const part of inside) {
      const upper = y(column, part.to),
        tallness = y(column, part.from) - upper;
      picture.append(
        s("rect", {
          class: `ram-${part.slug} part`,
          x: column.x,
          y: upper,
          width: column.w,
          height: Math.max(tallness, 0.4),
          "data-told": part.told,
        }),
      );
    }
  }
  const main = columns[region ? 1 : 0];
  const edges = [
    ...new Set([low, image.stack?.start, image.stack?.end, image.heap?.start, image.heap?.end, high]),
  ].filter(each => each !== undefined && each >= low && each <= high);
  let before = Infinity;
  for (const edge of edges.sort((a, b) => a - b)) {
    const line = Math.min(y(main, edge) + 3.5, before - 11);
    picture.append(
      s(
        "text",
        { class: "label mono soft", x: main.x - 4, y: line, "text-anchor": "end" },
        narrow ? `…${hex(edge).slice(-4)}` : hex(edge),
      ),
    );
    before = line;
  }
  for (const part of parts.filter(each => !fixed.includes(each))) {
    const tallness = y(main, part.from) - y(main, part.to),
      middle = (y(main, part.from) + y(main, part.to)) / 2;
    if (tallness < 13) continue;
    const words = {
      stack: "stack",
      stackfree: narrow ? "untouched" : "stack, untouched",
      live: narrow ? "reachable" : "heap, reachable",
      garbage: "garbage",
      heapfree: "free",
    }[part.slug];
    picture.append(
      s(
        "text",
        { class: `label on-${part.slug}`, x: main.x + 6, y: middle + 4 },
        narrow ? words : `${words}  ${number(part.to - part.from)}`,
      ),
    );
  }
  if (!fixed.length) return picture;
  const detail = columns[columns.length - 1],
    labels = [];
  let small = [];
  const flush = () => {
    if (!small.length) return;
    const size = sum(small.map(part => part.to - part.from)),
      from = y(detail, small[0].from),
      to = y(detail, small[small.length - 1].to);
    labels.push({
      y: (from + to) / 2,
      text:
        small.length === 1
          ? `${small[0].title} ${number(size)}`
          : `${small.length} small ones ${number(size)}`,
      soft: true,
    });
    small = [];
  };
  for (const part of fixed) {
    const tallness = y(detail, part.from) - y(detail, part.to);
    if (tallness < 11) {
      small.push(part);
      continue;
    }
    flush();
    labels.push({
      y: y(detail, part.to) + tallness / 2,
      text: `${part.title} ${number(part.to - part.from)}`,
    });
  }
  flush();
  before = Infinity;
  for (const { y: wanted, text, soft } of labels) {
    const line = Math.min(wanted + 4, before - 12),
      letters = Math.floor((width - detail.x - detail.w - 10) / 6.4);
    picture.append(
      s(
        "text",
        { class: `label${soft ? " soft" : ""}`, x: detail.x + detail.w + 6, y: line },
        text.length > letters ? `${text.slice(0, Math.max(3, letters - 1))}…` : text,
      ),
    );
    before = line;
  }
  return picture;
}

/** Who held the heap when it could be reached most, in all runs. */
function heapOwners(board) {
  const run = highest(board, "heap_live"),
    owners = Object.entries(run?.memory.heap_owners ?? {}).sort((a, b) => b[1] - a[1]);
  return (
    owners.length > 0 &&
    h(
      "details",
      { class: "as-table" },
      h("summary", {}, "Who holds the heap at its most"),
      h(
        "p",
        { class: "soft" },
        `${number(sum(owners.map(([, size]) => size)))} B that could be reached, in `,
        h("a", { href: scenarioLink(run) }, run.name),
      ),
      owners.map(([name, size]) => budgetRow(name, size, null, owners[0][1])),
    )
  );
}

function ramTable(board) {
  return asTable("As a table", () =>
    table(
      `RAM of ${board}, from the top down`,
      [["what"], ["bytes", "num"], ["from"], ["to"]],
      ramParts(board)
        .reverse()
        .map(part => [part.title, part.to - part.from, hex(part.from), hex(part.to)]),
    ),
  );
}

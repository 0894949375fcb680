/* The conformance matrix: a tile a test case, in it a sign a board. */

/** Verdict, its class, its sign. */
const VERDICTS = [
  ["pass", "pass", "✓"],
  ["fail", "fail", "✗"],
  ["skip", "skip", "↷"],
  ["not run", "notrun", "○"],
  ["no scenario yet", "none", "…"],
  ["left out", "leftout", "∅"],
  ["not applicable", "na", "–"],
];
const lookOf = verdict => VERDICTS.find(([name]) => name === verdict) ?? VERDICTS[3];

function drawMatrix() {
  const { matrix } = core,
    section = $("#conformance");
  if (!matrix) return section.append(notMeasured("No conformance matrix lies beside this page."));
  const columns = matrix.columns,
    blocks = [...new Set(matrix.cases.filter(row => row.conformance).map(row => row.block))];
  const panel = h("aside", { class: "card case-panel", "aria-live": "polite", hidden: true });
  const tiles = [];
  const tile = row => {
    const looks = columns.map(column => [column, row.verdicts[column.name].verdict]);
    const own = !row.conformance;
    const button = h(
      "button",
      {
        type: "button",
        class: `tile${own ? " own" : ""}`,
        tabindex: "-1",
        "data-id": row.id,
        "aria-label": `${row.id}: ${looks.map(([column, verdict]) => `${column.name} ${verdict}`).join(", ")}`,
        onclick: () => show(row, button),
      },
      h("span", { class: "tile-name" }, own ? row.title : row.id.split("_")[2]),
      h(
        "span",
        { class: "signs" },
        looks.map(([, verdict]) => h("i", { class: lookOf(verdict)[1] }, lookOf(verdict)[2])),
      ),
    );
    tiles.push({
      button,
      row,
      text: [row.id, row.title, ...row.use_cases, ...row.requirements].join(" ").toLowerCase(),
      verdicts: new Set(looks.map(([, verdict]) => verdict)),
    });
    return button;
  };
  const group = (name, title, rows) =>
    h(
      "div",
      { class: "block" },
      h("h3", {}, h("b", {}, name), ` ${title}`, h("small", {}, blockCount(columns, rows))),
      h("div", { class: "tiles" }, rows.map(tile)),
    );
  const ownRows = matrix.cases.filter(row => !row.conformance);
  const grid = h(
    "div",
    { class: "grid-of-cases" },
    blocks.map(block =>
      group(
        block,
        core.blocks[block] ?? "",
        matrix.cases.filter(row => row.conformance && row.block === block),
      ),
    ),
    ownRows.length > 0 && group("+", "the project's own scenarios, beyond the list", ownRows),
  );

  let chosen = null;
  function show(row, button) {
    chosen?.removeAttribute("aria-current");
    for (const each of tiles) each.button.tabIndex = -1;
    button.tabIndex = 0;
    button.setAttribute("aria-current", "true");
    chosen = button;
    panel.hidden = false;
    panel.replaceChildren(
      h(
        "button",
        {
          type: "button",
          class: "close",
          "aria-label": "Close",
          onclick: () => {
            panel.hidden = true;
            button.focus();
          },
        },
        "✕",
      ),
      h("div", {}, caseDetails(row, columns)),
    );
  }

  const wanted = new Set(),
    search = h("input", {
      type: "search",
      placeholder: "id, title, use case, requirement",
      "aria-label": "Filter test cases",
      oninput: filter,
    });
  const found = h("output", {});
  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { button, text, verdicts } of tiles) {
      const seen =
        (!wanted.size || [...verdicts].some(verdict => wanted.has(verdict))) &&
        words.every(word => text.includes(word));
      button.classList.toggle("dim", !seen);
      button.disabled = !seen;
      count += seen;
    }
    found.textContent = count === tiles.length ? "" : `${count} of ${tiles.length}`;
    const firstSeen = tiles.find(each => !each.button.disabled);
    if (firstSeen && !tiles.some(each => each.button.tabIndex === 0 && !each.button.disabled))
      firstSeen.button.tabIndex = 0;
  }
  const present = VERDICTS.filter(([name]) => tiles.some(each => each.verdicts.has(name)));
  const chips = present.map(([name, slug, sign]) =>
    h(
      "button",
      {
        type: "button",
        class: "chip",
        "aria-pressed": "false",
        onclick: event => {
          const on = !wanted.has(name);
          if (on) wanted.add(name);
          else wanted.delete(name);
          event.currentTarget.setAttribute("aria-pressed", String(on));
          filter();
        },
      },
      h("i", { class: `swatch ${slug}`, "aria-hidden": "true" }, sign),
      name,
    ),
  );

  grid.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const seen = tiles.filter(each => !each.button.disabled),
      at = seen.findIndex(each => each.button === document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = seen[(at + step + seen.length) % seen.length].button;
    for (const each of tiles) each.button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  tipped(grid, ".tile", button => {
    const { row } = tiles.find(each => each.button === button);
    return [
      h("b", {}, row.id),
      h("div", {}, row.title),
      columns.map(column => h("div", {}, `${column.name}: ${row.verdicts[column.name].verdict}`)),
    ];
  });

  section.append(
    h(
      "p",
      { class: "lead" },
      "The Core test cases for charging stations that Part 5 lists, by functional block. In each tile, from left to right: ",
      columns.map((column, n) => [n > 0 && ", ", h("b", {}, column.name)]),
      ". Verdicts of earlier runs of the same image are kept. ",
      h("a", { href: "conformance.html" }, "As a list, with what the station declares"),
      ".",
    ),
    h("div", { class: "filters" }, chips, search, found),
    h("div", { class: "with-panel" }, grid, panel),
  );
  filter();
  const failing = tiles.find(each => each.verdicts.has("fail"));
  if (failing && matchMedia("(min-width: 64rem)").matches) show(failing.row, failing.button);
}

function blockCount(columns, rows) {
  const parts = columns.map(column => {
    const verdicts = rows
      .map(row => row.verdicts[column.name].verdict)
      .filter(verdict => verdict !== "not applicable");
    return verdicts.length
      ? `${verdicts.filter(verdict => verdict === "pass").length} of ${verdicts.length}`
      : "none applies";
  });
  return new Set(parts).size === 1 ? parts[0] : parts.join(" · ");
}

function caseDetails(row, columns) {
  const runs = core.runs.filter(run => run.id === row.id);
  const list = (title, items) => items.length > 0 && [h("dt", {}, title), h("dd", {}, items.join(" "))];
  return [
    h(
      "h3",
      {},
      row.conformance ? row.id : row.title,
      row.conformance &&
        h(
          "abbr",
          { class: "badge", title: row.conformance === "M" ? "mandatory" : "conditional" },
          row.conformance === "M" ? "mandatory" : "conditional",
        ),
    ),
    row.conformance && h("p", {}, row.title),
    h(
      "dl",
      {},
      list("Use cases", row.use_cases),
      list("Requirements", row.requirements),
      row.valid_condition && [
        h("dt", {}, "Applies if"),
        h("dd", {}, row.valid_condition, row.erratum && ` (errata ${row.erratum})`),
      ],
      !row.applicable && [
        h("dt", {}, "Not met"),
        h("dd", {}, row.excluded_by.join(" and "), h("p", { class: "why" }, row.reasons.join("; "))),
      ],
    ),
    columns.map(column => {
      const cell = row.verdicts[column.name],
        [, slug, sign] = lookOf(cell.verdict);
      const run = runs.find(
        each =>
          each.board === column.board && (!core.about.emulator || column.emulator === core.about.emulator),
      );
      const wait = cell.verdict === "no scenario yet" && cell.message ? `waits for ${cell.message}` : "";
      return h(
        "div",
        { class: "case-verdict" },
        h(
          "p",
          {},
          h("i", { class: `swatch ${slug}`, "aria-hidden": "true" }, sign),
          h("b", {}, ` ${cell.verdict}`),
          h("small", {}, ` ${column.name}`),
        ),
        wait && h("p", { class: "why" }, wait),
        cell.verdict === "fail" && h("p", { class: "why" }, short(cell.message, 500)),
        h(
          "p",
          { class: "links" },
          run &&
            h(
              "a",
              { href: scenarioLink(run) },
              run.trace === null ? "What was measured" : "Sequence and heap",
            ),
          beside(cell.log) && h("a", { href: beside(cell.log) }, "Robot's log"),
        ),
      );
    }),
  ];
}

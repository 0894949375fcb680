/* The verdict at a glance, and what to look at first. */

function drawHead() {
  const { about, runs, boards } = core;
  const failed = runs.filter(run => run.verdict === "FAIL"),
    passed = runs.filter(run => run.verdict === "PASS");
  const over = boards.filter(board => core.images[board]).flatMap(brokenLimits);
  const good = passed.length > 0 && !failed.length && !over.length;
  const sentence = failed.length
    ? `${number(failed.length)} of ${plural(runs.length, "run")} failed`
    : over.length
      ? `${plural(runs.length, "run")} passed, but ${over.some(each => !each.name) ? "memory is above its budget" : "a part is above its share of the budget"}`
      : passed.length < runs.length
        ? `${number(passed.length)} of ${plural(runs.length, "run")} passed, the others were skipped`
        : `${passed.length === 1 ? "The run" : `All ${number(passed.length)} runs`} passed`;
  const facts = [
    boards.join(" and "),
    about.variant && `variant ${about.variant}`,
    about.emulator && `on ${about.emulator[0].toUpperCase()}${about.emulator.slice(1)}`,
    about.revision && `revision ${about.revision}`,
    about.at && about.at.replace("T", " ").replace("+00:00", " UTC"),
    about.took_s && `${number(Math.round(about.took_s))} s of host time`,
    about.whole === false && "a selection of the scenarios",
  ];
  $("#verdict").append(
    h(
      "div",
      { class: `verdict ${good ? "pass" : "fail"}` },
      h("span", { class: "seal", "aria-hidden": "true" }, good ? "✓" : "✗"),
      h("div", {}, h("h1", {}, sentence), h("p", { class: "facts" }, facts.filter(Boolean).join(" · "))),
    ),
    h("div", { class: "boards" }, boards.map(boardCard)),
    first(failed, over),
  );
}

function boardCard(board) {
  const image = core.images[board],
    column = (core.matrix?.columns ?? []).find(
      each => each.board === board && (!core.about.emulator || each.emulator === core.about.emulator),
    );
  const count = column && countOf(column.name);
  const mine = core.runs.filter(run => run.board === board);
  const gauges = image
    ? [
        gauge("ROM", image.rom, limitOf(board, "ROM")),
        gauge("RAM reserved", image.ram, limitOf(board, "RAM")),
      ]
    : [notMeasured("ROM and RAM were not measured in this run")];
  return h(
    "article",
    { class: "card board" },
    h("h2", {}, board),
    count
      ? [
          h(
            "p",
            { class: "figure" },
            h("b", {}, number(count.pass)),
            ` of ${number(sum(Object.values(count)) - count["not applicable"])} applicable Core test cases pass`,
          ),
          verdictBar(count),
        ]
      : h(
          "p",
          { class: "figure" },
          h("b", {}, number(mine.filter(run => run.verdict === "PASS").length)),
          ` of ${plural(mine.length, "run")} passed`,
        ),
    gauges,
  );
}

/** Test cases of the list by verdict, in a column, in one block or in all. */
function countOf(column, block) {
  const count = Object.fromEntries(VERDICTS.map(([name]) => [name, 0]));
  for (const row of core.matrix.cases)
    if (row.conformance && (!block || row.block === block)) count[row.verdicts[column].verdict] += 1;
  return count;
}

function verdictBar(count) {
  const there = VERDICTS.filter(([name]) => count[name]);
  return h(
    "div",
    {},
    h(
      "div",
      { class: "verdict-bar", "aria-hidden": "true" },
      there.map(([name, slug]) => h("i", { class: slug, css: { "flex-grow": count[name] } })),
    ),
    h(
      "ul",
      { class: "legend" },
      there.map(([name, slug, sign]) =>
        h(
          "li",
          {},
          h("i", { class: `swatch ${slug}`, "aria-hidden": "true" }, sign),
          `${number(count[name])} ${name}`,
        ),
      ),
    ),
  );
}

/** A bar that is full at its limit; what goes beyond it is told apart. */
function gauge(title, value, limit, href) {
  const scale = Math.max(value, limit ?? 0) || 1,
    above = limit !== null && value > limit;
  return h(
    "div",
    { class: `gauge${above ? " above" : ""}` },
    h(
      "div",
      { class: "gauge-text" },
      h("span", {}, title),
      h(
        "span",
        { class: "num" },
        h("b", {}, number(value)),
        limit === null ? " B" : ` of ${number(limit)} B · ${share(value, limit)}`,
        above && h("strong", {}, ` ✗ ${number(value - limit)} B above`),
      ),
    ),
    h(
      "div",
      { class: "gauge-bar", "aria-hidden": "true" },
      h("i", { css: { width: `${(100 * Math.min(value, limit ?? value)) / scale}%` } }),
      above && h("i", { class: "beyond", css: { width: `${(100 * (value - limit)) / scale}%` } }),
    ),
  );
}

/** Failures, budgets that are broken; where nothing is wrong, what is nearest to its limit. */
function first(failed, over) {
  const lines = over.map(({ board, kind, name, size, limit }) =>
    h(
      "li",
      {},
      h("b", {}, name ? `${kind} of ${name} on ${board}` : `${kind} of ${board}`),
      `: ${number(size)} B, ${number(size - limit)} above the budget of ${number(limit)}; `,
      h("a", { href: kind === "ROM" ? "#rom" : "#ram" }, "what it is made of"),
    ),
  );
  const ids = [...new Set(failed.map(run => run.id))];
  for (const id of ids.slice(0, 12)) {
    const mine = failed.filter(run => run.id === id);
    lines.push(
      h(
        "li",
        {},
        h("a", { href: scenarioLink(mine[0]) }, h("b", {}, mine[0].name)),
        ` on ${mine.map(run => run.board).join(" and ")}`,
        h("p", { class: "why" }, short(mine[0].message)),
      ),
    );
  }
  if (ids.length > 12)
    lines.push(
      h(
        "li",
        {},
        `and ${plural(ids.length - 12, "more scenario")}: `,
        h("a", { href: "#conformance" }, "the matrix"),
      ),
    );
  if (lines.length)
    return h("section", { class: "card first fail" }, h("h2", {}, "Look here first"), h("ul", {}, lines));
  const near = core.boards
    .flatMap(board =>
      [
        ["stack", highest(board, "stack_peak"), "stack_peak", "stack"],
        ["heap that can be reached", highest(board, "heap_live"), "heap_live", "heap"],
      ]
        .filter(([, run]) => run)
        .map(([what, run, key, area]) => ({ what, run, used: run.memory[key], of: run.memory[area] })),
    )
    .filter(each => each.of)
    .sort((a, b) => b.used / b.of - a.used / a.of)
    .filter((each, n, all) => all.findIndex(other => other.what === each.what) === n);
  if (!near.length) return null;
  return h(
    "section",
    { class: "card first" },
    h("h2", {}, "Nearest to a limit"),
    h(
      "ul",
      {},
      near.map(({ what, run, used, of }) =>
        h(
          "li",
          {},
          h("b", {}, share(used, of)),
          ` of the ${what === "stack" ? "stack" : "heap"} (${number(used)} of ${number(of)} B${what === "stack" ? "" : ", reachable"}) in `,
          h("a", { href: scenarioLink(run) }, run.name),
          ` on ${run.board}`,
        ),
      ),
    ),
  );
}

const short = (text, length = 300) =>
  !text || text.length <= length ? text || "" : `${text.slice(0, length)} …`;
const scenarioLink = run => `#${encodeURIComponent(run.id)}@${encodeURIComponent(run.board)}`;

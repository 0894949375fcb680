/* What each test case needed of stack and heap, the largest first. */

/** Key in results.json, name, the area that limits it, what it is, its unit. */ const MEASURES = [
  [
    "heap_live",
    "heap, reachable",
    "heap",
    "the most that could be reached: what a collection would leave",
    "B",
  ],
  ["heap_after_collection", "after a collection", "heap", "the most in use right after a collection", "B"],
  [
    "heap_peak",
    "heap, with garbage",
    "heap",
    "the most in use, garbage included; MicroPython collects when the heap is full",
    "B",
  ],
  [
    "largest_free",
    "largest free block",
    "heap",
    "the smallest that the longest run of free blocks was right after a collection",
    "B",
  ],
  ["stack_peak", "stack", "stack", "painted before power-on, what was overwritten", "B"],
  ["stack_interrupts", "stack of interrupts", "stack", "the deepest that exception handlers alone took", "B"],
  [
    "pause_max",
    "longest pause",
    null,
    "the longest collection, interrupts in between included",
    "instructions",
  ],
  ["heap_min", "smallest heap", "heap", "with which the scenario still passes, by bisection", "B"],
];

function drawCases() {
  const section = $("#cases");
  const there = MEASURES.filter(([key]) => core.runs.some(run => typeof run.memory?.[key] === "number"));
  if (!there.length) return section.append(notMeasured("Neither stack nor heap was measured in this run."));
  const holder = h("div", { class: "chart" }),
    list = h("div", {}),
    about = h("p", { class: "soft" });
  let measure = there[0],
    slots = [];
  function draw() {
    const [key, title, area, meaning, unit] = measure,
      width = holder.clientWidth,
      height = 280;
    const cases = new Map();
    for (const run of core.runs)
      if (typeof run.memory?.[key] === "number") {
        if (!cases.has(run.id)) cases.set(run.id, {});
        cases.get(run.id)[run.board] = run;
      }
    slots = [...cases.values()].sort(
      (a, b) =>
        most(Object.values(b).map(run => run.memory[key])) -
        most(Object.values(a).map(run => run.memory[key])),
    );
    const limits = area
      ? core.boards.map(board =>
          most(core.runs.filter(run => run.board === board).map(run => run.memory?.[area])),
        )
      : [];
    const left = 58,
      right = 8,
      top = 18,
      bottom = 20,
      wide = width - left - right,
      tall = height - top - bottom;
    const high = Math.max(...limits, most(core.runs.map(run => run.memory?.[key]))) * 1.04;
    const y = value => top + tall * (1 - value / high),
      slot = wide / slots.length;
    const picture = s("svg", {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": `${title} by test case; the table below says the same`,
    });
    for (const tick of ticks(high, 5))
      picture.append(
        s("line", { class: "rule", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
        s(
          "text",
          { class: "label soft", x: left - 6, y: y(tick) + 4, "text-anchor": "end" },
          tick === 0 ? "0" : unit === "B" ? kB(tick) : `${number(tick / 1000)} k`,
        ),
      );
    slots.forEach((runs, n) => {
      const x = left + n * slot,
        gap = slot > 5 ? slot * 0.15 : 0,
        bar = (slot - 2 * gap) / core.boards.length;
      core.boards.forEach(
        (board, m) =>
          runs[board] &&
          picture.append(
            s("rect", {
              class: `board-${m}`,
              x: x + gap + m * bar,
              y: y(runs[board].memory[key]),
              width: Math.max(bar - (bar > 3 ? 0.5 : 0), 0.5),
              height: Math.max(0, y(0) - y(runs[board].memory[key])),
            }),
          ),
      );
      picture.append(s("rect", { class: "hit", "data-n": n, x, y: top, width: slot, height: tall }));
    });
    [...new Set(limits)]
      .filter(Boolean)
      .forEach(limit =>
        picture.append(
          s("line", { class: "limit", x1: left, x2: width - right, y1: y(limit), y2: y(limit) }),
          s(
            "text",
            { class: "label limit-text", x: width - right, y: y(limit) - 5, "text-anchor": "end" },
            `${area} area ${number(limit)} B`,
          ),
        ),
      );
    picture.append(
      s(
        "text",
        { class: "label soft", x: left, y: height - 5 },
        `${plural(slots.length, "scenario")}, the largest first`,
      ),
    );
    holder.replaceChildren(picture);
    about.textContent = `${title}: ${meaning}.`;
    list.replaceChildren(
      asTable("As a table", () =>
        table(
          `${title}, ${unit === "B" ? "bytes" : unit}`,
          [["scenario"], ...core.boards.map(board => [board, "num"])],
          slots.map(runs => [
            h("a", { href: scenarioLink(Object.values(runs)[0]) }, Object.values(runs)[0].name),
            ...core.boards.map(board => runs[board]?.memory[key] ?? ""),
          ]),
        ),
      ),
    );
  }
  holder.addEventListener("click", event => {
    const at = event.target.closest("[data-n]");
    if (at && matchMedia("(hover: hover)").matches)
      location.hash = scenarioLink(Object.values(slots[Number(at.dataset.n)])[0]);
  });
  tipped(holder, "[data-n]", at => {
    const runs = slots[Number(at.dataset.n)],
      run = Object.values(runs)[0];
    const [key, , area, , unit] = measure;
    return [
      h("b", {}, run.name),
      ...core.boards.map(board => {
        const memory = runs[board]?.memory;
        return (
          memory &&
          h(
            "div",
            {},
            `${board}: ${number(memory[key])} ${unit}${area && memory[area] ? `, ${share(memory[key], memory[area])} of the ${area} area` : ""}`,
          )
        );
      }),
    ].filter(Boolean);
  });
  section.append(
    h(
      "div",
      { class: "filters" },
      segmented(
        "What",
        there.map(each => [each[0], each[1]]),
        measure[0],
        key => {
          measure = MEASURES.find(each => each[0] === key);
          draw();
        },
      ),
      h(
        "ul",
        { class: "legend" },
        core.boards.map((board, n) =>
          h("li", {}, h("i", { class: `swatch board-${n}`, "aria-hidden": "true" }), board),
        ),
      ),
    ),
    about,
    holder,
    list,
  );
  draw();
  onResize(holder, draw);
}

/* One scenario on one board: what was measured, the heap over time, the sequence. */

function drawScenario() {
  const section = $("#scenario"),
    ids = [...new Map(core.runs.map(run => [run.id, run])).values()];
  if (!ids.length) return section.append(notMeasured("No scenario was run."));
  const groups = new Map();
  for (const run of ids) {
    const block = run.id.startsWith("TC_") ? run.id[3] : "+";
    if (!groups.has(block)) groups.set(block, []);
    groups.get(block).push(run);
  }
  const select = h(
    "select",
    { "aria-label": "Scenario", onchange: () => choose(select.value, state.board) },
    [...groups].map(([block, runs]) =>
      h(
        "optgroup",
        { label: block === "+" ? "the project's own" : `${block} ${core.blocks[block] ?? ""}` },
        runs.map(run =>
          h(
            "option",
            { value: run.id },
            `${core.runs.some(each => each.id === run.id && each.verdict === "FAIL") ? "✗ " : ""}${run.name}`,
          ),
        ),
      ),
    ),
  );
  const body = h("div", {}),
    boardsAt = h("span", {});
  const order = [...groups.values()].flat().map(run => run.id);
  const step = by => choose(order[(order.indexOf(state.id) + by + order.length) % order.length], state.board);
  const state = { id: null, board: null };

  async function choose(id, board) {
    const run = runOf(id, board) ?? core.runs.find(each => each.id === id);
    if (!run) return;
    Object.assign(state, { id: run.id, board: run.board });
    select.value = run.id;
    history.replaceState(null, "", scenarioLink(run));
    const boards = core.boards.filter(each => runOf(run.id, each));
    boardsAt.replaceChildren(
      segmented(
        "Board",
        boards.map(each => [each, each]),
        run.board,
        each => choose(run.id, each),
      ),
    );
    const trace = await traceOf(run).catch(() => null);
    if (state.id !== run.id || state.board !== run.board) return;
    body.replaceChildren(...facts(run));
    if (!trace) return body.append(notMeasured("This run left no trace: it did not get to its end."));
    const entries = entriesOf(trace),
      heap = h("div", {}),
      sequence = h("div", {});
    body.append(h("h3", {}, "Heap and messages"), heap, h("h3", {}, "Sequence"), sequence);
    const mark = drawSequence(sequence, trace, entries);
    drawHeap(heap, run, trace, entries, mark);
    const blamed = run.verdict === "FAIL" && blame(run.message, entries);
    if (blamed) mark(blamed, false);
    body.dataset.drawn = `${run.id}@${run.board}`;
  }

  section.append(
    h(
      "div",
      { class: "filters chooser" },
      h("button", { type: "button", "aria-label": "Scenario before", onclick: () => step(-1) }, "‹"),
      select,
      h("button", { type: "button", "aria-label": "Next scenario", onclick: () => step(1) }, "›"),
      boardsAt,
    ),
    body,
  );
  const wanted = () => {
    const parts = location.hash.slice(1).split("@");
    if (parts.length !== 2) return false;
    const [id, board] = parts.map(part => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
    if (!runOf(id, board)) return false;
    choose(id, board);
    return true;
  };
  window.addEventListener("hashchange", () => {
    if (wanted()) section.scrollIntoView();
  });
  if (wanted()) return requestAnimationFrame(() => section.scrollIntoView());
  const hash = location.hash,
    fitting =
      core.runs.find(run => run.verdict === "FAIL") ??
      richest(core.runs.filter(run => run.id.startsWith("TC_E_"))) ??
      richest(core.runs) ??
      core.runs[0];
  return choose(fitting.id, fitting.board).then(() =>
    history.replaceState(null, "", hash || location.pathname + location.search),
  );
}

/** What a failure is about: its message names the time. */
function blame(message, entries) {
  const at = message.match(/ at (\d+\.\d{3}) s/)?.[1];
  return entries.find(entry => entry.kind === "message" && (entry.ns / 1e9).toFixed(3) === at);
}

const richest = runs =>
  runs.filter(run => run.trace !== null).sort((a, b) => b.instructions - a.instructions)[0];

function facts(run) {
  const memory = run.memory ?? {},
    [, slug, sign] = lookOf(run.verdict.toLowerCase());
  const figures = [
    ["virtual time", run.virtual_s === null ? null : `${run.virtual_s.toFixed(1)} s`],
    [
      "asleep",
      memory.wfe_s === undefined || memory.wfe_s === null ? undefined : `${memory.wfe_s.toFixed(1)} s`,
    ],
    ["instructions", run.instructions === null ? null : `${(run.instructions / 1e6).toFixed(1)} M`],
    ["host time", run.host_s === null ? null : `${run.host_s.toFixed(1)} s`],
    ["heap, reachable", of(memory.heap_live, memory.heap)],
    ["after a collection", of(memory.heap_after_collection, memory.heap)],
    ["largest free block", memory.largest_free === undefined ? undefined : bytes(memory.largest_free)],
    ["smallest heap", memory.heap_min === undefined ? undefined : bytes(memory.heap_min)],
    [
      "collections",
      memory.collections === undefined
        ? undefined
        : memory.collections === null
          ? null
          : `${number(memory.collections)}${memory.pause_max ? `, the longest ${number(memory.pause_max)} instr.` : ""}`,
    ],
    ["stack", of(memory.stack_peak, memory.stack)],
    ["of it interrupts", memory.stack_interrupts === undefined ? undefined : bytes(memory.stack_interrupts)],
    ["RAM touched", memory.ram_touched === undefined ? undefined : bytes(memory.ram_touched)],
  ].filter(([, value]) => value !== undefined);
  const buffers = Object.entries(memory.buffers ?? {}).filter(([, buffer]) => buffer);
  const owners = Object.entries(memory.heap_owners ?? {});
  return [
    h(
      "p",
      { class: "run-verdict" },
      h("i", { class: `swatch ${slug}`, "aria-hidden": "true" }, sign),
      h("b", {}, ` ${run.verdict.toLowerCase()}`),
      ` ${run.name} on ${run.board}`,
    ),
    run.verdict !== "PASS" && run.message && h("pre", { class: "message-of-failure" }, run.message),
    (run.notes ?? []).map(note => h("p", { class: "soft" }, note)),
    h(
      "dl",
      { class: "figures" },
      figures.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value ?? "not measured"))),
    ),
    buffers.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, "Buffers and queues at their fullest"),
        buffers.map(([name, { size, fullest, unit }]) =>
          budgetRow(
            unit && unit !== "bytes" ? `${name} (${unit})` : name,
            fullest ?? 0,
            size,
            size ?? fullest ?? 1,
          ),
        ),
      ),
    owners.length > 0 &&
      h(
        "details",
        {},
        h(
          "summary",
          {},
          `Who holds the heap, of the ${number(sum(owners.map(([, size]) => size)))} B that could be reached at most`,
        ),
        owners.sort((a, b) => b[1] - a[1]).map(([name, size]) => budgetRow(name, size, null, owners[0][1])),
      ),
  ]
    .flat()
    .filter(Boolean);
}

const of = (used, whole) =>
  used === undefined || used === null ? null : whole ? `${number(used)} of ${number(whole)} B` : bytes(used);

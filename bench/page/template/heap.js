/* The heap over virtual time, with the messages on the same axis. */

/** Draws `trace` of `run` into `holder`, `onpick(entry)` is called for the message that is clicked. */
function drawHeap(holder, run, trace, entries, onpick) {
  const area = run.memory?.heap ?? null;
  const state = { squeeze: trace.end > WORTH_NS };
  const chart = h("div", { class: "chart" });
  let shown = [],
    scale = null;
  function draw() {
    const width = chart.clientWidth,
      left = 62,
      right = 10,
      top = 16,
      plot = 210,
      lanes = ["station ▸", "◂ CSMS", "acts"],
      laneHigh = 20;
    const height = top + plot + lanes.length * laneHigh + 26;
    const high = Math.max(area ?? 0, most(trace.heap.map(point => point[1])), 1) * 1.05;
    const time = timescale(
      entries.map(entry => entry.ns),
      trace.end,
      left,
      width - left - right,
      state.squeeze,
    );
    const y = value => top + plot * (1 - value / high);
    scale = time;
    const picture = s("svg", {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": `Heap of ${run.board} over ${span(trace.end)} of virtual time with its messages; the sequence below lists them`,
    });
    for (const tick of ticks(high, 4))
      picture.append(
        s("line", { class: "rule", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
        s(
          "text",
          { class: "label soft", x: left - 6, y: y(tick) + 4, "text-anchor": "end" },
          tick ? kB(tick) : "0",
        ),
      );
    const line = points =>
      points
        .map(
          ([ns, value], n) =>
            `${n ? `H${time.x(ns).toFixed(1)}V` : `M${time.x(ns).toFixed(1)} `}${y(value).toFixed(1)}`,
        )
        .join("");
    if (trace.heap.length > 1) {
      const path = line(trace.heap);
      picture.append(
        s("path", { class: "in-use-area", d: `${path}V${y(0)}H${time.x(trace.heap[0][0]).toFixed(1)}Z` }),
        s("path", { class: "in-use", d: path }),
      );
    } else picture.append(s("text", { class: "label soft", x: left + 8, y: top + 20 }, "heap not measured"));
    if (trace.live.length) picture.append(s("path", { class: "live", d: line(trace.live) }));
    for (const [ns, value] of trace.collections)
      picture.append(
        s("path", {
          class: "collection",
          d: `M${time.x(ns).toFixed(1)} ${(y(value) - 2).toFixed(1)}l-3.5 -6h7z`,
        }),
      );
    if (area)
      picture.append(
        s("line", { class: "limit", x1: left, x2: width - right, y1: y(area), y2: y(area) }),
        s(
          "text",
          { class: "label limit-text", x: width - right, y: y(area) - 4, "text-anchor": "end" },
          `heap area ${number(area)} B`,
        ),
      );
    picture.append(s("rect", { class: "plot", x: left, y: top, width: width - left - right, height: plot }));
    lanes.forEach((title, n) =>
      picture.append(
        s("line", {
          class: "rule",
          x1: left,
          x2: width - right,
          y1: top + plot + n * laneHigh + laneHigh,
          y2: top + plot + n * laneHigh + laneHigh,
        }),
        s(
          "text",
          { class: "label soft tiny", x: left - 6, y: top + plot + n * laneHigh + 14, "text-anchor": "end" },
          title,
        ),
      ),
    );
    for (const [ns, cause] of trace.resets) {
      picture.append(
        s("line", { class: "reset", x1: time.x(ns), x2: time.x(ns), y1: top, y2: top + plot + 3 * laneHigh }),
      );
      if (ns > 0)
        picture.append(
          s(
            "text",
            { class: "label reset-text tiny", x: Math.min(time.x(ns) + 3, width - 44), y: top + plot - 5 },
            cause,
          ),
        );
    }
    shown = entries.filter(entry => entry.kind !== "reset" && entry.kind !== "log");
    shown.forEach((entry, n) => {
      const lane = entry.kind === "act" ? 2 : entry.way === "out" ? 1 : 0,
        x = time.x(entry.ns),
        from = top + plot + lane * laneHigh + 4;
      const look =
        entry.kind === "act" ? "act" : entry.wrong ? "wrong" : entry.type === "CALL" ? "call" : "answer";
      picture.append(
        s("line", { class: `tick ${look}`, x1: x, x2: x, y1: from, y2: from + laneHigh - 6 }),
        s("line", { class: "hit", "data-n": n, x1: x, x2: x, y1: from - 3, y2: from + laneHigh - 4 }),
      );
    });
    let free = -Infinity;
    for (const { x, ns } of time.breaks)
      if (x > free + 34) {
        picture.append(
          s("text", { class: "label soft tiny", x, y: height - 4, "text-anchor": "middle" }, `⋯${span(ns)}`),
        );
        free = x;
      }
    free = -Infinity;
    for (let x = left; x <= width - right; x += 8) {
      const ns = time.at(x),
        away = time.breaks.every(each => Math.abs(each.x - x) > 22);
      if (x < free + 64 || !(away || !state.squeeze)) continue;
      picture.append(
        s(
          "text",
          {
            class: "label tiny",
            x,
            y: height - 15,
            "text-anchor": x < left + 20 ? "start" : x > width - 40 ? "end" : "middle",
          },
          `${(ns / 1e9).toFixed(trace.end < 100e9 ? 1 : 0)} s`,
        ),
      );
      free = x;
    }
    chart.replaceChildren(picture);
  }
  const valueAt = (points, ns) => points.findLast(point => point[0] <= ns)?.[1] ?? null;
  const heapAt = ns => valueAt(trace.heap, ns);
  tipped(chart, "[data-n], .plot", (target, event) => {
    if (target.matches(".plot")) {
      const ns = scale.at(event.clientX - chart.getBoundingClientRect().left),
        live = valueAt(trace.live, ns);
      return [
        h("b", {}, seconds(ns)),
        h("div", {}, `in use ${bytes(heapAt(ns))}`),
        live !== null && h("div", {}, `reachable ${bytes(live)}`),
      ].filter(Boolean);
    }
    const entry = shown[Number(target.dataset.n)],
      used = heapAt(entry.ns);
    return [
      h("b", {}, entry.title),
      h("div", {}, `${seconds(entry.ns)}${used === null ? "" : ` · heap ${number(used)} B`}`),
      entry.fields && h("div", { class: "soft" }, entry.fields),
      entry.wrong && h("div", { class: "why" }, entry.wrong),
    ].filter(Boolean);
  });
  chart.addEventListener("click", event => {
    const at = event.target.closest("[data-n]");
    if (at) onpick(shown[Number(at.dataset.n)]);
  });
  holder.append(
    h(
      "div",
      { class: "filters" },
      h(
        "ul",
        { class: "legend" },
        h("li", {}, h("i", { class: "swatch key-in-use", "aria-hidden": "true" }), "in use, with garbage"),
        trace.live.length > 0 &&
          h("li", {}, h("i", { class: "swatch key-live", "aria-hidden": "true" }), "reachable"),
        trace.collections.length > 0 &&
          h(
            "li",
            {},
            h("i", { class: "swatch key-collection", "aria-hidden": "true" }, "▾"),
            plural(trace.collections.length, "collection"),
          ),
      ),
      trace.end > 5e9 &&
        segmented(
          "Time",
          [
            [true, "squeeze idle times"],
            [false, "true scale"],
          ],
          state.squeeze,
          squeeze => {
            state.squeeze = squeeze;
            draw();
          },
        ),
    ),
    chart,
  );
  draw();
  onResize(chart, draw);
}

/* Beside other implementations, cut along the same lines: bytes next to test cases passed (bench.memory.peers). */

function drawPeers() {
  const rows = core.peers?.rows ?? [],
    section = $("#peers");
  if (!rows.length) return false;
  section.hidden = false;
  const largest = most(rows.map(row => row[core.peers.rom])),
    boundaries = [...new Set(rows.map(row => row.boundary))];
  section.append(
    h(
      "div",
      { class: "columns" },
      boundaries.map(boundary =>
        h(
          "article",
          { class: "card" },
          h("h3", {}, boundary),
          rows.filter(row => row.boundary === boundary).map(row => peerRow(row, largest)),
        ),
      ),
    ),
    asTable("As a table, with RAM and heap", () => {
      const columns = Object.keys(rows[0]);
      return table(
        "Side by side, bytes",
        columns.map(name => [name, rows.some(row => typeof row[name] === "number") ? "num" : undefined]),
        rows.map(row => columns.map(name => row[name] ?? "not measured")),
      );
    }),
    h(
      "ul",
      { class: "notes" },
      core.peers.notes.map(note => h("li", {}, note)),
    ),
  );
  return true;
}

function peerRow(row, largest) {
  const passed = row[core.peers.passed],
    ours = row.implementation.startsWith("ours");
  return h(
    "div",
    { class: ours ? "priced ours" : "priced" },
    budgetRow(row.implementation, row[core.peers.rom] ?? 0, null, largest),
    h(
      "p",
      { class: "soft" },
      [
        row.build,
        typeof passed === "number" &&
          `${plural(passed, "mandatory case")} of Core ${ours ? "passed here" : "by its own list"}`,
      ]
        .filter(Boolean)
        .join(" · "),
    ),
  );
}

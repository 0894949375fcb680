/* Beside other implementations: bytes next to test cases passed. */

function drawPeers() {
  const peers = core.peers,
    section = $("#peers");
  if (!peers?.rows?.length) return false;
  section.hidden = false;
  const columns = Object.keys(peers.rows[0]);
  section.append(
    table(
      "Side by side",
      columns.map(name => [name, typeof peers.rows[0][name] === "number" ? "num" : undefined]),
      peers.rows.map(row => columns.map(name => row[name] ?? "not known")),
    ),
    h(
      "ul",
      { class: "notes" },
      (peers.notes ?? []).map(note => h("li", {}, note)),
    ),
  );
  return true;
}

/* What each feature costs: switched off, rebuilt, subtracted (bench.price). */

const PRICES = [
  ["rom", "ROM"],
  ["ram", "RAM reserved"],
  ["live", "live heap"],
];

function drawPrice() {
  const price = core.price,
    section = $("#price");
  if (!price?.boards) return false;
  const boards = Object.keys(price.boards),
    features = new Map(boards.flatMap(board => price.boards[board].features.map(each => [each.name, each])));
  const of = (board, name) => price.boards[board].features.find(each => each.name === name);
  const holder = h("div", {});
  function draw(kind) {
    const costs = name => most(boards.map(board => of(board, name)?.[kind])),
      names = [...features.keys()].sort((a, b) => costs(b) - costs(a)),
      largest = most(names.map(costs)) || 1;
    holder.replaceChildren(
      h(
        "div",
        { class: "columns" },
        boards.map(board =>
          h(
            "article",
            { class: "card" },
            h("h3", {}, board),
            names.map(name => priceRow(of(board, name), kind, largest)),
            priceTotals(price.boards[board], kind),
          ),
        ),
      ),
    );
  }
  section.hidden = false;
  section.append(
    h(
      "p",
      { class: "lead" },
      `Of variant ${price.variant}: each feature switched off, with those that need it, and the difference.`,
      price.measured && ` Measured: ${price.measured}.`,
    ),
    h("div", { class: "filters" }, segmented("What", PRICES, "rom", draw)),
    holder,
    asTable("As a table", () =>
      table(
        "Bytes that a feature costs",
        [["feature"], ...boards.flatMap(board => PRICES.map(([, title]) => [`${board} ${title}`, "num"]))],
        [...features.keys()].map(name => [
          name,
          ...boards.flatMap(board => PRICES.map(([kind]) => of(board, name)?.[kind] ?? "not measured")),
        ]),
      ),
    ),
  );
  draw("rom");
  return true;
}

function priceRow(feature, kind, largest) {
  if (!feature || typeof feature[kind] !== "number") return null;
  const together = feature.with?.length ? `with ${feature.with.join(", ")}` : "";
  return h(
    "div",
    { class: "priced" },
    budgetRow(feature.name, feature[kind], null, largest),
    h("p", { class: "soft" }, [feature.sentence, together].filter(Boolean).join(" · ")),
  );
}

/** What all features cost at once, which is not their sum: some share what they need. */
function priceTotals(board, kind) {
  if (typeof board.all_off?.[kind] !== "number" || typeof board[kind] !== "number") return null;
  return h(
    "p",
    { class: "soft" },
    `Whole ${number(board[kind])} B, with all of them off ${number(board.all_off[kind])} B. `,
    board.sum && `The prices add up to ${number(board.sum[kind])} B.`,
  );
}

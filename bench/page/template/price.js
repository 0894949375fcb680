/* What each feature costs: switched off, rebuilt, subtracted. */

function drawPrice() {
  const price = core.price,
    section = $("#price");
  if (!price?.boards) return false;
  const boards = Object.keys(price.boards),
    names = [...new Set(boards.flatMap(board => price.boards[board].features.map(feature => feature.name)))];
  const at = (board, name) => price.boards[board].features.find(feature => feature.name === name);
  names.sort((a, b) => (at(boards[0], b)?.rom ?? 0) - (at(boards[0], a)?.rom ?? 0));
  const largest = most(boards.flatMap(board => price.boards[board].features.map(feature => feature.rom)));
  section.hidden = false;
  section.append(
    h(
      "p",
      { class: "lead" },
      `Of variant ${price.variant}: each feature switched off, with those that need it, the image built again, and the difference. Live heap after a boot.`,
    ),
    h(
      "div",
      { class: "columns" },
      boards.map(board =>
        h(
          "article",
          { class: "card" },
          h("h3", {}, board),
          names.map(name => {
            const feature = at(board, name);
            return (
              feature &&
              h(
                "div",
                { class: "priced", title: feature.sentence ?? "" },
                budgetRow(name, feature.rom, null, largest),
                h(
                  "p",
                  { class: "soft" },
                  [
                    feature.sentence,
                    feature.ram ? `RAM ${number(feature.ram)} B` : "",
                    typeof feature.live === "number" ? `live heap ${number(feature.live)} B` : "",
                    feature.with?.length ? `with ${feature.with.join(", ")}` : "",
                  ]
                    .filter(Boolean)
                    .join(" · "),
                ),
              )
            );
          }),
        ),
      ),
    ),
  );
  return true;
}

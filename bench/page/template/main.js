/* Draws the page, top first. */

function onResize(element, draw) {
  let width = element.clientWidth;
  new ResizeObserver(() => {
    if (!element.clientWidth || element.clientWidth === width) return;
    width = element.clientWidth;
    requestAnimationFrame(draw);
  }).observe(element);
}

function drawAbout() {
  $("#about").append(
    h(
      "p",
      {},
      "Static sizes: ELF sections, linker map and symbol table. Heap: MicroPython's own allocation table, read from outside. Stack: painted before power-on. Time is virtual. ",
      "kB is 1,000 bytes. The heap, stack and time figures are those of the last run; the matrix also keeps verdicts of earlier runs of the same image. This is no certification.",
    ),
    h(
      "p",
      {},
      h("a", { href: "log.html" }, "Robot Framework's log"),
      " · ",
      h("a", { href: "conformance.html" }, "conformance as a list"),
      " · ",
      h("a", { href: "results.json" }, "results.json"),
      ` · this page: ${kB(carried)}, nothing of it loaded from elsewhere`,
    ),
  );
}

/** A section that cannot be drawn says so, and leaves the others alone. */
async function attempt(id, draw) {
  try {
    return await draw();
  } catch (error) {
    console.error(error);
    document.getElementById(id).append(notMeasured(`This could not be drawn: ${error.message}`));
    return true;
  }
}

const pause = () =>
  new Promise(resolve => {
    setTimeout(resolve);
  });

await attempt("verdict", drawHead);
await attempt("conformance", drawMatrix);
for (const [id, draw] of Object.entries({
  budget: drawBudget,
  rom: drawRom,
  ram: drawRam,
  scenario: drawScenario,
  cases: drawCases,
  about: drawAbout,
})) {
  await pause();
  await attempt(id, draw);
}
for (const [id, draw] of Object.entries({ price: drawPrice, history: drawHistory, peers: drawPeers }))
  if (!(await attempt(id, draw))) $(`nav [data-of=${id}]`).parentElement.remove();
document.documentElement.dataset.ready = String(Math.round(performance.now()));

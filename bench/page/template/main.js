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

const pause = () =>
  new Promise(resolve => {
    setTimeout(resolve);
  });

drawHead();
drawMatrix();
for (const draw of [drawBudget, drawRom, drawRam, drawScenario, drawCases, drawAbout]) {
  await pause();
  await draw();
}
for (const [name, draw] of Object.entries({ price: drawPrice, history: drawHistory, peers: drawPeers }))
  if (!draw()) $(`nav [data-of=${name}]`).parentElement.remove();
document.documentElement.dataset.ready = String(Math.round(performance.now()));

/* The data that the page carries: inflated when it is needed. */

/** Bytes of the page as it came. */
const carried = new Blob([document.documentElement.outerHTML]).size;

async function unpack(id) {
  const holder = document.getElementById(id);
  const packed = Uint8Array.from(atob(holder.textContent), character => character.charCodeAt(0));
  const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(inflated).text());
}

const inflating = new Map();

/** The trace of a run: see bench.trace.Trace; null where it left none. */
async function traceOf(run) {
  if (run.trace === null) return null;
  if (!inflating.has(run.trace)) inflating.set(run.trace, unpack(`trace-${run.trace}`));
  return (await inflating.get(run.trace))[run.board];
}

const core = await unpack("core");
core.boards = [...new Set([...core.runs.map(run => run.board), ...Object.keys(core.images)])].sort();
for (const column of core.matrix?.columns ?? []) column.name = `${column.board} ${column.emulator}`;

for (const found of core.heap ?? []) {
  const run = core.runs.find(each => each.id === found.id && each.board === found.board);
  // A heap of another size is that of another image.
  if (run?.memory?.heap === found.heap && typeof found.heap_min === "number")
    run.memory.heap_min = found.heap_min;
}

const runOf = (id, board) => core.runs.find(run => run.id === id && run.board === board);

/** The limit of budget.toml for a share of an image ("total": its whole); of the board where that has its own. */
function limitOf(board, kind, level = "total", name = "") {
  const fitting = core.budget.filter(
    limit =>
      limit.level === level &&
      limit.name === name &&
      limit.kind === kind &&
      (!limit.board || limit.board === board) &&
      (!limit.variant || limit.variant === core.about.variant),
  );
  const own = fitting.find(limit => limit.board) ?? fitting.find(limit => limit.variant) ?? fitting[0];
  return own ? own.limit : null;
}

/** Pieces of ROM with their names: {component, block, source, symbol, file, line, size}. */
function romOf(board) {
  const { rom, names } = core.images[board].items;
  return rom.map(([component, block, source, symbol, file, line, size]) => ({
    component: names[component],
    block: names[block],
    source: names[source],
    symbol: names[symbol],
    file: names[file] ?? null,
    line,
    size,
  }));
}

/** Pieces of RAM in order of address: {address, size, section, component, block, source, symbol, file, line}. */
function ramOf(board) {
  const { ram, names } = core.images[board].items;
  return ram.map(([address, size, section, component, block, source, symbol, file, line]) => ({
    address,
    size,
    section: names[section],
    component: names[component],
    block: names[block],
    source: names[source],
    symbol: names[symbol],
    file: names[file] ?? null,
    line,
  }));
}

const place = piece =>
  piece.file && piece.line ? `${piece.file}:${piece.line}` : piece.file || piece.source;

/** The most that any run on this board had of a measured quantity; null where none had it. */
function highest(board, key) {
  const had = core.runs.filter(run => run.board === board && typeof run.memory?.[key] === "number");
  return had.length ? had.reduce((high, run) => (run.memory[key] > high.memory[key] ? run : high)) : null;
}

/* ROM as a treemap: component or block, source, symbol. */

const ROM_COLOURS = 12;

/** {name, size, children}, leaves with their piece; `level` is component or block. */
function romTree(board, level) {
  const root = { name: board, size: 0, children: new Map() };
  for (const piece of romOf(board)) {
    let node = root;
    node.size += piece.size;
    for (const name of [piece[level], piece.source, piece.symbol]) {
      if (!node.children.has(name))
        node.children.set(name, { name, size: 0, children: new Map(), parent: node });
      node = node.children.get(name);
      node.size += piece.size;
    }
    node.piece = piece;
    node.children = new Map();
  }
  const settle = node => {
    node.children = [...node.children.values()].sort((a, b) => b.size - a.size);
    node.children.forEach(settle);
  };
  settle(root);
  root.children.forEach((group, n) => {
    group.colour = n % ROM_COLOURS;
  });
  return root;
}

function drawRom() {
  const section = $("#rom"),
    boards = core.boards.filter(board => core.images[board]);
  if (!boards.length) return section.append(notMeasured("ROM was not measured in this run."));
  const state = { board: boards[0], level: "block", sought: "" };
  let tree = null,
    root = null,
    drawn = [];
  const trail = h("div", { class: "trail" }),
    holder = h("div", { class: "chart treemap" }),
    list = h("div", {});

  const found = h("output", {});
  const search = h("input", {
    type: "search",
    placeholder: "find a symbol, source or text",
    "aria-label": "Find in ROM",
    oninput: () => {
      state.sought = search.value.trim().toLowerCase();
      draw();
    },
  });

  /** Is the node, or what it is part of, what is sought? */
  const fits = node => {
    for (let each = node; each.parent; each = each.parent)
      if (each.name.toLowerCase().includes(state.sought)) return true;
    return false;
  };
  const leaves = node => (node.children.length ? node.children.flatMap(leaves) : [node]);

  function renew() {
    tree = romTree(state.board, state.level);
    go(tree);
  }

  function go(node) {
    root = node;
    draw();
  }

  function draw() {
    const path = [];
    for (let node = root; node; node = node.parent) path.unshift(node);
    trail.replaceChildren(
      ...path
        .flatMap((node, n) => [
          n > 0 && h("span", { "aria-hidden": "true" }, "›"),
          h("button", { type: "button", disabled: node === root, onclick: () => go(node) }, node.name),
          node === root &&
            h(
              "small",
              {},
              `${number(node.size)} B${node.parent ? `, ${share(node.size, tree.size)} of the image` : ""}`,
            ),
        ])
        .filter(Boolean),
    );
    const width = holder.clientWidth,
      height = Math.round(Math.min(620, Math.max(400, width * 0.56)));
    const hits = state.sought ? leaves(root).filter(fits) : [];
    found.textContent = state.sought
      ? `${plural(hits.length, "symbol")}, ${number(sum(hits.map(node => node.size)))} B`
      : "";
    drawn = [];
    const picture = s("svg", {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "group",
      "aria-label": `ROM of ${state.board}: ${root.name}`,
    });
    rects(picture, root, 0, 0, width, height, 0);
    holder.replaceChildren(picture);
    list.replaceChildren(
      asTable("As a list", () =>
        table(
          `${root.name}: ${number(root.size)} B`,
          [["name"], ["bytes", "num"], ["share", "num"], ["where"]],
          (state.sought ? hits.sort((a, b) => b.size - a.size).slice(0, 200) : root.children).map(node => [
            node.children.length
              ? h("button", { type: "button", class: "link", onclick: () => go(node) }, node.name)
              : node.name,
            node.size,
            share(node.size, root.size),
            node.piece ? place(node.piece) : plural(node.children.length, "part"),
          ]),
        ),
      ),
    );
  }

  function rects(into, parent, x, y, w, h_, depth) {
    for (const { node, x: left, y: top, w: wide, h: high } of squarify(parent.children, x, y, w, h_)) {
      if (wide < 1 || high < 1) continue;
      const n = drawn.push(node) - 1,
        zooms = node.children.length > 0;
      const group = s("g", {
        "data-n": n,
        tabindex: depth === 0 && zooms ? "0" : null,
        role: depth === 0 && zooms ? "button" : null,
        "aria-label": depth === 0 ? `${node.name}, ${number(node.size)} B` : null,
      });
      const away = state.sought && (depth === 2 || !zooms) && !(zooms ? leaves(node).some(fits) : fits(node));
      group.append(
        s("rect", {
          class: `leaf depth-${depth}${away ? " away" : ""}`,
          x: left,
          y: top,
          width: wide,
          height: high,
          css: { "--k": `var(--k${colourOf(node)})` },
        }),
      );
      const room = wide > 46 && high > 17,
        framed = zooms && room && high > 34 && depth < 2;
      if (zooms && depth < 2) {
        const edge = wide > 12 && high > 12 ? (depth === 0 ? 2 : 1) : 0;
        rects(
          group,
          node,
          left + edge,
          top + (framed ? 17 : edge),
          wide - 2 * edge,
          high - (framed ? 17 : edge) - edge,
          depth + 1,
        );
      }
      const text =
        framed || (room && !(zooms && depth < 2)) ? label(node, left + 4, top + 12.5, wide - 8, depth) : null;
      if (text) group.append(text);
      into.append(group);
    }
  }

  function label(node, x, y, room, depth) {
    const size = kB(node.size),
      letters = Math.floor(room / 6.3),
      name = node.name.replace(/^station\//, "");
    if (depth === 2 && name.length > letters && letters < 10) return null;
    const text =
      name.length + size.length + 2 <= letters
        ? `${name}  `
        : name.length <= letters
          ? name
          : `${name.slice(0, Math.max(1, letters - 1))}…`;
    return s(
      "text",
      { x, y, class: `label depth-${depth}` },
      text,
      text.endsWith("  ") && s("tspan", { class: "soft" }, size),
    );
  }

  /** That of the group; looking into one, its parts differ, beginning with its own. */
  const colourOf = node => {
    let part = node;
    while (part.parent !== root) part = part.parent;
    let group = node;
    while (group.colour === undefined) group = group.parent;
    return root === tree ? group.colour : (group.colour + root.children.indexOf(part)) % ROM_COLOURS;
  };
  const into = event => {
    const at = event.target.closest("[data-n]");
    let node = at && drawn[Number(at.dataset.n)];
    while (node && node.parent !== root) node = node.parent;
    if (node?.children.length) go(node);
  };
  holder.addEventListener("click", event => {
    hush();
    into(event);
  });
  holder.addEventListener("keydown", event => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      into(event);
    }
    if ((event.key === "Escape" || event.key === "Backspace") && root.parent) {
      event.preventDefault();
      go(root.parent);
    }
  });
  tipped(holder, "[data-n]", at => {
    const node = drawn[Number(at.dataset.n)],
      names = [];
    for (let each = node; each.parent; each = each.parent) names.unshift(each.name);
    return [
      h("b", {}, names.join(" › ")),
      h(
        "div",
        {},
        `${number(node.size)} B · ${share(node.size, tree.size)} of the image · ${share(node.size, node.parent.size)} of ${node.parent.name}`,
      ),
      node.piece
        ? h("div", { class: "soft" }, place(node.piece))
        : h(
            "div",
            { class: "soft" },
            node.parent === root ? "click to look inside" : plural(node.children.length, "part"),
          ),
    ];
  });
  section.append(
    h(
      "p",
      { class: "lead" },
      "Every byte of the image: who it serves, which source it came from, and the function or datum. Frozen Python counts for its module and function. Click or tap to look inside.",
    ),
    h(
      "div",
      { class: "filters" },
      segmented(
        "Board",
        boards.map(board => [board, board]),
        state.board,
        board => {
          state.board = board;
          renew();
        },
      ),
      segmented(
        "First level",
        [
          ["block", "by block"],
          ["component", "by component"],
        ],
        state.level,
        level => {
          state.level = level;
          renew();
        },
      ),
      search,
      found,
    ),
    trail,
    holder,
    list,
  );
  renew();
  onResize(holder, draw);
}

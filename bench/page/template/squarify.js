/* Squarified treemap (Bruls, Huizing, van Wijk 2000): rectangles near to squares, areas as the sizes. */

/** Places `nodes` ({size}) in a rectangle: an array of {node, x, y, w, h}, largest first. */
function squarify(nodes, x, y, w, h) {
  const sorted = nodes.filter(node => node.size > 0).sort((a, b) => b.size - a.size);
  const scale = (w * h) / (sum(sorted.map(node => node.size)) || 1),
    placed = [];
  let row = [],
    at = 0;
  const worst = (areas, side) => {
    const total = sum(areas);
    return Math.max(
      (side * side * Math.max(...areas)) / total ** 2,
      total ** 2 / (side * side * Math.min(...areas)),
    );
  };
  const lay = () => {
    const total = sum(row.map(node => node.size * scale)),
      upright = w >= h,
      thick = total / (upright ? h : w);
    let along = upright ? y : x;
    for (const node of row) {
      const length = (node.size * scale) / thick;
      placed.push(
        upright ? { node, x, y: along, w: thick, h: length } : { node, x: along, y, w: length, h: thick },
      );
      along += length;
    }
    if (upright) {
      x += thick;
      w -= thick;
    } else {
      y += thick;
      h -= thick;
    }
    row = [];
  };
  while (at < sorted.length) {
    const side = Math.max(Math.min(w, h), 1e-6),
      areas = row.map(node => node.size * scale),
      next = sorted[at].size * scale;
    if (row.length && worst([...areas, next], side) > worst(areas, side)) lay();
    else {
      row.push(sorted[at]);
      at += 1;
    }
  }
  if (row.length) lay();
  return placed;
}

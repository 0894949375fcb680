/* Virtual time to pixels; long times in which nothing happens can be squeezed. */

const SQUEEZED_NS = 2e9,
  WORTH_NS = 60e9;

/** {x(ns), at(pixel), breaks: [{x, ns}]}: `events` are times in ns at which something happens. */
function timescale(events, end, left, width, squeeze) {
  const stops = [...new Set([0, ...events.filter(ns => ns >= 0 && ns <= end), end])].sort((a, b) => a - b);
  const lengths = stops
    .slice(1)
    .map((stop, n) => (squeeze ? Math.min(stop - stops[n], SQUEEZED_NS) : stop - stops[n]));
  const scale = width / (sum(lengths) || 1),
    places = [left];
  for (const length of lengths) places.push(places[places.length - 1] + length * scale);
  const between = (value, from, to) => {
    let low = 0,
      high = from.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (from[middle] <= value) low = middle;
      else high = middle;
    }
    const part = from[high] === from[low] ? 0 : (value - from[low]) / (from[high] - from[low]);
    return to[low] + Math.max(0, Math.min(1, part)) * (to[high] - to[low]);
  };
  const breaks = lengths.map((length, n) => ({
    x: (places[n] + places[n + 1]) / 2,
    ns: stops[n + 1] - stops[n],
    squeezed: stops[n + 1] - stops[n] > length,
  }));
  return {
    x: ns => between(ns, stops, places),
    at: pixel => between(pixel, places, stops),
    breaks: breaks.filter(each => each.squeezed),
  };
}

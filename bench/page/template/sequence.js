/* Who said what to whom: driver and surroundings, station, CSMS. */

/** The entries of a trace in order of time: {ns, kind: message, http, act, reset or log, title, fields, ...}. */
function entriesOf(trace) {
  const actions = new Map(),
    wrong = new Map();
  for (const [ns, text] of trace.violations)
    wrong.set(ns, wrong.has(ns) ? `${wrong.get(ns)}; ${text}` : text);
  const messages = trace.messages.map(([ns, way, text]) => ({
    ns,
    way,
    ...(way === "http" ? upgrade(text) : told(text, actions)),
    wrong: wrong.get(ns),
  }));
  const order = { reset: 0, act: 1, http: 2, message: 2, log: 3 };
  return [
    ...messages,
    ...trace.acts.map(([ns, who, what]) => ({ ns, kind: "act", who, title: `${who}: ${what}`, what })),
    ...trace.resets
      .filter(([, cause]) => cause !== "power")
      .map(([ns, cause]) => ({ ns, kind: "reset", title: `reset by ${cause}` })),
    ...trace.log.map(([ns, text]) => ({ ns, kind: "log", title: text })),
  ]
    .map((entry, n) => ({ ...entry, n }))
    .sort((a, b) => a.ns - b.ns || order[a.kind] - order[b.kind] || a.n - b.n);
}

/** A TLS handshake with what came of it, or an HTTP request with its status. */
function upgrade(text) {
  const tls = text.match(/^(TLS \S+) (.*)$/),
    request = text.match(/^(?:(\S+) )?([A-Z]+ \S+) (\d+.*)$/);
  if (tls) return { kind: "http", type: "CALL", title: tls[1], fields: tls[2] };
  const [, host, title, result] = request ?? [null, "", text, ""];
  return { kind: "http", type: "CALL", title, fields: [result, host].filter(Boolean).join("  ") };
}

/** An OCPP-J message; `actions` remembers what each message id asked for. */
function told(text, actions) {
  let content = null;
  try {
    content = JSON.parse(text);
  } catch {
    /* shown as it is */
  }
  const plain = {
    kind: "message",
    type: "INVALID",
    title: "no OCPP-J message",
    fields: text.slice(0, 120),
    whole: text,
  };
  if (!Array.isArray(content) || ![2, 3, 4].includes(content[0])) return plain;
  const [type, id] = content,
    key = String(id);
  if (type === 2) {
    actions.set(key, String(content[2]));
    return {
      kind: "message",
      type: "CALL",
      id: key,
      title: `${content[2]}Request`,
      fields: telling(content[2], content[3]),
      whole: content[3],
    };
  }
  const action = actions.get(key) ?? "";
  if (type === 3)
    return {
      kind: "message",
      type: "CALLRESULT",
      id: key,
      title: `${action}Response`,
      fields: telling(action, content[2]),
      whole: content[2],
    };
  return {
    kind: "message",
    type: "CALLERROR",
    id: key,
    title: `CALLERROR to ${action || "what could not be read"}`,
    fields: [content[2], content[3]].filter(Boolean).join(": "),
    whole: content.slice(2),
  };
}

/** The fields that tell a message from others of its action, as bench.keywords.base lists them. */
function telling(action, payload) {
  const paths = core.telling[action] ?? core.telling[""];
  return paths
    .flatMap(path => {
      const found = reach(payload, path.split("."));
      if (!found.length) return [];
      const names = path.replaceAll("[*]", "").split("."),
        last = names[names.length - 1];
      const name = ["id", "name"].includes(last) && names.length > 1 ? names[names.length - 2] : last;
      const more = found.length > 4 ? `, … (${found.length})` : "";
      return [
        `${name}=${found
          .slice(0, 4)
          .map(value => (typeof value === "object" ? JSON.stringify(value) : String(value)))
          .join(", ")}${more}`,
      ];
    })
    .join("  ");
}

function reach(value, [step, ...rest]) {
  if (step === undefined) return value === undefined ? [] : [value];
  const name = step.replace("[*]", "");
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) return [];
  const inner = value[name];
  return step.endsWith("[*]")
    ? Array.isArray(inner)
      ? inner.flatMap(each => reach(each, rest))
      : []
    : reach(inner, rest);
}

/** The diagram as a list; returns what marks an entry of it and goes there, the page too where it is `asked`. */
function drawSequence(holder, trace, entries) {
  const rows = new Map();
  const list = h(
    "ol",
    { class: "seq" },
    entries.map(entry => {
      const row = sequenceRow(entry);
      rows.set(entry, row);
      return row;
    }),
  );
  const frame = h(
    "div",
    { class: "seq-frame", tabindex: "0", role: "region", "aria-label": "Sequence diagram" },
    h(
      "div",
      { class: "seq-head", "aria-hidden": "true" },
      h("span", {}),
      h("span", {}, h("b", {}, "driver"), h("b", {}, "station")),
      h("span", {}, h("b", {}, "CSMS")),
    ),
    list,
  );
  const withLog = h(
    "button",
    {
      type: "button",
      class: "chip",
      "aria-pressed": "false",
      onclick: () => {
        const on = frame.classList.toggle("with-log");
        withLog.setAttribute("aria-pressed", String(on));
      },
    },
    "log of the station",
  );
  const left = Object.entries(trace.left_out ?? {}).map(
    ([name, count]) => `${number(count)} ${name} in the middle are left out`,
  );
  holder.append(
    h(
      "div",
      { class: "filters" },
      withLog,
      h("small", {}, [plural(trace.messages.length, "message"), ...left].join(" · ")),
    ),
    frame,
  );
  return (entry, asked = true) => {
    const row = rows.get(entry);
    $$(".marked", list).forEach(each => each.classList.remove("marked"));
    row.classList.add("marked");
    if (row.querySelector("details")) row.querySelector("details").open = true;
    frame.scrollTo({ top: row.offsetTop - frame.clientHeight / 3, behavior: asked ? "smooth" : "instant" });
    if (asked) frame.scrollIntoView({ block: "nearest", behavior: "smooth" });
  };
}

function sequenceRow(entry) {
  const time = h("time", {}, (entry.ns / 1e9).toFixed(3));
  const note = text =>
    h(
      "li",
      { class: "note" },
      time,
      h("span", { class: "lane-a" }),
      h("span", { class: "lane-b" }),
      h("span", { class: "band" }, text),
    );
  if (entry.kind === "log")
    return h(
      "li",
      { class: "log" },
      time,
      h("span", { class: "lane-a" }),
      h("code", { class: "lane-b" }, entry.title),
    );
  if (entry.kind === "reset") return note(`↻ ${entry.title}`);
  if (entry.kind === "act")
    return entry.who === "driver"
      ? h(
          "li",
          { class: "act" },
          time,
          h(
            "span",
            { class: "lane-a" },
            h("span", { class: "said" }, entry.what),
            h("i", { class: "arrow right" }),
          ),
          h("span", { class: "lane-b" }),
        )
      : note(`${entry.who}: ${entry.what}`);
  const arrow = h("i", {
    class: `arrow ${entry.way === "out" ? "left" : "right"}${entry.type === "CALL" ? "" : " dashed"}`,
  });
  const words = [
    h(
      "b",
      {},
      entry.title.split(/(?=[A-Z][a-z])/).flatMap((word, n) => (n ? [h("wbr"), word] : [word])),
    ),
    entry.fields && h("span", { class: "fields" }, ` ${entry.fields}`),
  ];
  const said =
    entry.whole === undefined
      ? h("span", { class: "said" }, words)
      : h(
          "details",
          {
            class: "said",
            ontoggle: event => {
              if (event.currentTarget.open && event.currentTarget.childElementCount === 1)
                event.currentTarget.append(
                  h(
                    "pre",
                    {},
                    typeof entry.whole === "string" ? entry.whole : JSON.stringify(entry.whole, null, 2),
                  ),
                );
            },
          },
          h("summary", {}, words),
        );
  return h(
    "li",
    { class: `message ${entry.type}${entry.wrong ? " wrong" : ""}` },
    time,
    h("span", { class: "lane-a" }),
    h("div", { class: "lane-b" }, said, entry.wrong && h("p", { class: "why" }, `✗ ${entry.wrong}`), arrow),
  );
}

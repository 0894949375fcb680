/* Elements. Text is always text: nothing here, or anywhere on the page, takes HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** h("p", {class: "x", onclick: f, css: {width: "3px"}}, "text", child, [children]) */
function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** Likewise, an SVG element. */
function s(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "css")
      for (const [key, set] of Object.entries(value)) element.style.setProperty(key, set);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false),
  );
  return element;
}

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** A row of buttons of which one is pressed: options are [value, text, title?]. */
function segmented(label, options, chosen, onchoose) {
  const buttons = options.map(([value, text, title]) =>
    h(
      "button",
      {
        type: "button",
        title,
        "aria-pressed": String(value === chosen),
        onclick: () => {
          for (const button of buttons)
            button.setAttribute(
              "aria-pressed",
              String(button === buttons[options.findIndex(o => o[0] === value)]),
            );
          onchoose(value);
        },
      },
      text,
    ),
  );
  return h("div", { class: "segmented", role: "group", "aria-label": label }, buttons);
}

/** Columns are [title, "num"?]; rows are arrays of text, number or element. */
function table(caption, columns, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "data" },
      h("caption", {}, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map(([title, kind]) => h("th", { class: kind, scope: "col" }, title)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map(row =>
          h(
            "tr",
            {},
            row.map((cell, n) =>
              h(
                n ? "td" : "th",
                { class: columns[n][1], scope: n ? null : "row" },
                typeof cell === "number" ? number(cell) : cell,
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** The same as a table, folded, filled when it is opened. */
function asTable(summary, make) {
  const details = h(
    "details",
    {
      class: "as-table",
      ontoggle: () => {
        if (details.open && details.childElementCount === 1) details.append(make());
      },
    },
    h("summary", {}, summary),
  );
  return details;
}

const notMeasured = (text = "not measured") => h("p", { class: "absent" }, text);

/** Only files beside the page are linked. */
const beside = link => (/^[\w.-]+\.html(#[\w-]+)?$/.test(link || "") ? link : null);

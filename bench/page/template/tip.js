/* What is under the pointer, the finger or the focus, told beside it. */

const tip = document.getElementById("tip");

function tell(content, x, y) {
  tip.replaceChildren(...[content].flat());
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.max(8, Math.min(x + 14, document.documentElement.clientWidth - width - 8));
  const top = y + 18 + height < window.innerHeight ? y + 18 : Math.max(8, y - height - 14);
  tip.style.left = `${left}px`;
  tip.style.top = `${top}px`;
}

const hush = () => {
  tip.hidden = true;
};

/** `describe(element)` gives lines for what matches `selector` within `area`, by pointer and by focus. */
function tipped(area, selector, describe) {
  const over = event => {
    const at = event.target.closest?.(selector);
    if (!at || !area.contains(at)) return hush();
    tell(describe(at, event), event.clientX, event.clientY);
  };
  area.addEventListener("pointermove", over);
  area.addEventListener("pointerdown", over);
  area.addEventListener("pointerleave", hush);
  area.addEventListener("focusin", event => {
    const at = event.target.closest(selector);
    if (!at || !at.matches(":focus-visible")) return;
    const box = at.getBoundingClientRect();
    tell(describe(at, event), box.left, box.bottom - 10);
  });
  area.addEventListener("focusout", hush);
}

document.addEventListener("keydown", event => {
  if (event.key === "Escape") hush();
});
window.addEventListener("scroll", hush, { passive: true });

/* Light, dark, or as the system has it. */

{
  const names = ["auto", "light", "dark"],
    signs = { auto: "◐", light: "☀", dark: "☾" };
  const button = document.getElementById("theme"),
    root = document.documentElement;
  const remembered = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const set = name => {
    if (name === "auto") delete root.dataset.theme;
    else root.dataset.theme = name;
    button.textContent = signs[name];
    button.title = `Colours: ${name === "auto" ? "as the system" : name}`;
    button.setAttribute("aria-label", button.title);
    button.dataset.name = name;
    try {
      localStorage.setItem("theme", name);
    } catch {
      /* a page from a file may have no storage */
    }
  };
  button.addEventListener("click", () => set(names[(names.indexOf(button.dataset.name) + 1) % 3]));
  set(names.includes(remembered()) ? remembered() : "auto");
}

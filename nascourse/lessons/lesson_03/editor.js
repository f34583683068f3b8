// Makes the edges of the editor's picture answer to mouse and keyboard. What an act does is decided in Python.

const WAIT_MS = 1500;
let views = 0;

function element(tag, parent, attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.appendChild(made);
  return made;
}

function render({ model, el }) {
  const root = element("div", el, { class: "nascourse-editor" });
  const bar = element("div", root, { class: "nascourse-editor-bar", role: "toolbar", "aria-label": "Cell editor" });
  const picture = element("div", root);
  const sentence = element("p", root, { "aria-live": "polite" });
  const waiting = element("p", root, { role: "status" });
  const error = element("p", root, { class: "nascourse-editor-error", role: "alert" });
  const help = element("p", root, { class: "nascourse-editor-help", id: `nascourse-editor-help-${++views}` });
  let selected = null; // key of the edge that had the focus last
  let timer = 0;

  const ask = (act) => {
    model.send({ part: model.get("part"), ...act });
    clearTimeout(timer);
    timer = setTimeout(() => {
      waiting.textContent = "The kernel is busy or gone; the change follows when it answers.";
    }, WAIT_MS);
  };
  const answered = () => {
    clearTimeout(timer);
    waiting.textContent = "";
  };
  const ofEdge = (key, act) => ask({ ...act, edge: Number(key.slice("edge-".length)) });
  const groups = () => [...picture.querySelectorAll(".nascourse-editor-edge")];
  const select = (key) => {
    selected = key;
    for (const group of groups()) group.classList.toggle("nascourse-editor-selected", group.dataset.key === key);
    rewire?.setAttribute("aria-disabled", String(key === null));
  };

  const button = (text, act) => {
    const made = element("button", bar, { type: "button" });
    made.textContent = text;
    made.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays on the edge
    made.addEventListener("click", () => made.getAttribute("aria-disabled") === "true" || act());
    return made;
  };
  const shows = Object.entries(model.get("parts")).map(([part, name]) => {
    return [part, button(name, () => ask({ do: "show", part }))];
  });
  const rewire = model.get("can_rewire")
    ? button("other input (R)", () => ofEdge(selected, { do: "rewire", by: 1 }))
    : null;
  const undo = button("undo", () => ask({ do: "undo" }));
  button("reset", () => ask({ do: "reset" }));

  picture.addEventListener("click", (event) => {
    const part = model.get("doors")[event.target.closest("[data-key]")?.dataset.key];
    if (part) return ask({ do: "show", part });
    const group = event.target.closest(".nascourse-editor-edge");
    if (!group) return;
    group.focus({ preventScroll: true });
    ofEdge(group.dataset.key, { do: "step", by: event.shiftKey ? -1 : 1 });
  });
  picture.addEventListener("focusin", (event) => {
    const group = event.target.closest(".nascourse-editor-edge");
    if (group) select(group.dataset.key);
  });

  const press = (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "z") {
      if (model.get("can_undo")) ask({ do: "undo" });
      return true;
    }
    const group = event.target.closest(".nascourse-editor-edge");
    if (!group || event.ctrlKey || event.metaKey || event.altKey) return false;
    const key = group.dataset.key;
    const back = event.shiftKey ? -1 : 1;
    const beside = (by) => {
      const all = groups();
      all[(all.indexOf(group) + by + all.length) % all.length].focus();
    };
    switch (event.key) {
      case "Enter":
      case " ":
        ofEdge(key, { do: "step", by: back });
        return true;
      case "ArrowDown":
      case "ArrowUp":
        ofEdge(key, { do: "step", by: event.key === "ArrowDown" ? 1 : -1 });
        return true;
      case "ArrowRight":
      case "ArrowLeft":
        beside(event.key === "ArrowRight" ? 1 : -1);
        return true;
      case "r":
      case "R":
        if (model.get("can_rewire")) ofEdge(key, { do: "rewire", by: back });
        return true;
      default:
        return false;
    }
  };
  root.addEventListener("keydown", (event) => {
    if (!press(event)) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab has shortcuts of its own on these keys
  });

  let shown = null; // the part that is drawn
  const draw = () => {
    const active = root.getRootNode().activeElement;
    const [from, to] = model.get("moved");
    const follow = (key) => (key === from ? to : key);
    const focused = picture.contains(active) ? follow(active.dataset.key) : null;
    const part = model.get("part");
    const edges = model.get("edges");
    picture.innerHTML = model.get("picture"); // made by the course's own drawing code, with every text escaped
    const svg = picture.querySelector("svg");
    svg.setAttribute("role", "group"); // an image hides its parts from screen readers
    svg.setAttribute("aria-label", model.get("parts")[part] ?? "cell");
    for (const [key, label] of Object.entries(edges)) {
      const group = svg.querySelector(`[data-key="${key}"]`);
      group.classList.add("nascourse-editor-edge");
      for (const [name, value] of [
        ["tabindex", "0"],
        ["role", "button"],
        ["aria-label", label],
        ["aria-describedby", help.id],
      ])
        group.setAttribute(name, value);
      const hit = group.querySelector("path").cloneNode(); // a line alone is too thin to point at
      for (const { name } of [...hit.attributes]) if (name !== "d") hit.removeAttribute(name);
      hit.classList.add("nascourse-editor-hit");
      group.prepend(hit);
    }
    for (const key of Object.keys(model.get("doors")))
      svg.querySelector(`[data-key="${key}"]`).classList.add("nascourse-editor-door");
    select(part === shown && selected !== null ? follow(selected) : null);
    shown = part;
    if (focused !== null) picture.querySelector(`[data-key="${focused}"]`)?.focus({ preventScroll: true });
    for (const [name, made] of shows) made.setAttribute("aria-pressed", String(name === part));
    undo.setAttribute("aria-disabled", String(!model.get("can_undo")));
  };
  const tell = () => {
    sentence.textContent = model.get("sentence");
    error.textContent = model.get("error");
    error.hidden = !model.get("error");
  };
  help.textContent = model.get("help");
  const show = () => {
    draw();
    tell();
  };
  show();
  model.on("change", show);
  model.on("change:answered", answered);
  return () => {
    clearTimeout(timer);
    model.off("change", show);
    model.off("change:answered", answered);
  };
}

export default { render };

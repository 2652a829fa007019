// The map of recordings: hover or focus names a point, a click or Enter plays it, the legend shows some classes alone.

// How far from a point a click or the pointer may be, in pixels of the screen.
const REACH = 22;
// How much a step sideways counts, of one in the direction of the arrow key.
const SIDEWAYS = 2;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function startMap(map) {
  const svg = map.querySelector("svg");
  const points = [...svg.querySelectorAll(".point")].map((node) => {
    const { e: x, f: y } = node.transform.baseVal.consolidate().matrix;
    return { node, x, y, title: node.querySelector("title").textContent, use: node.querySelector("use") };
  });
  const legends = [...map.querySelectorAll(".map-legend")];
  const by = document.getElementById("map-by");
  const name = document.getElementById("map-name");
  const hint = name.textContent;
  const status = document.getElementById("map-status");
  const sound = new Audio();
  players.push(sound);
  let near = null;
  let playing = null;

  const isShown = (point) => !point.node.classList.contains("faded");
  const nearest = (shown, distance) => shown.reduce(
    (best, point) => (distance(point) < best.distance ? { point, distance: distance(point) } : best),
    { point: null, distance: Infinity });

  // Return the shown point that is nearest to where the pointer is, if it is within reach.
  function at(event) {
    const { a: scale } = svg.getScreenCTM();
    const box = svg.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(box);
    const found = nearest(points.filter(isShown), (point) => Math.hypot(point.x - x, point.y - y));
    return found.distance * scale <= REACH ? found.point : null;
  }

  function describe() {
    const focused = points.find((point) => point.node === document.activeElement);
    name.textContent = (near ?? focused ?? playing)?.title ?? hint;
  }

  function hover(point) {
    near?.node.classList.remove("near");
    near = point;
    near?.node.classList.add("near");
    svg.classList.toggle("over", Boolean(near));
    describe();
  }

  // Tab leads to one point only: the last one that had the focus.
  function makeFocusable(point) {
    for (const other of points) other.node.setAttribute("tabindex", other === point ? "0" : "-1");
  }

  function markPlaying(point) {
    playing?.node.classList.remove("playing");
    playing = point;
    playing?.node.classList.add("playing");
    describe();
  }

  function play(point) {
    const file = point.node.dataset.sound;
    status.textContent = file ? "" : "There is no sound of this recording here: its file was gone or had changed.";
    sound.pause();
    markPlaying(file ? point : null);
    if (!file) return;
    sound.src = file;
    sound.play().catch((error) => {
      if (error.name === "AbortError") return; // another one was started meanwhile
      status.textContent = "The sound cannot be played: is the folder `sound` still beside the page?";
      markPlaying(null);
    });
  }

  sound.addEventListener("play", () => stopOthers(sound));
  for (const event of ["ended", "pause"]) sound.addEventListener(event, () => sound.paused && markPlaying(null));

  svg.addEventListener("pointermove", (event) => hover(at(event)));
  svg.addEventListener("pointerleave", () => hover(null));
  svg.addEventListener("click", (event) => {
    const point = at(event);
    if (!point) return;
    point.node.focus({ preventScroll: true });
    play(point);
  });
  svg.addEventListener("focusin", (event) => {
    makeFocusable(points.find((point) => point.node === event.target));
    describe();
  });
  svg.addEventListener("focusout", describe);
  svg.addEventListener("keydown", (event) => {
    const here = points.find((point) => point.node === event.target);
    if (!here || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (!event.repeat) play(here);
    } else if (event.key in ARROWS) {
      event.preventDefault();
      const [dx, dy] = ARROWS[event.key];
      const ahead = (point) => (point.x - here.x) * dx + (point.y - here.y) * dy;
      const aside = (point) => Math.abs((point.x - here.x) * dy) + Math.abs((point.y - here.y) * dx);
      const others = points.filter((point) => point !== here && isShown(point) && ahead(point) > 0);
      nearest(others, (point) => ahead(point) + SIDEWAYS * aside(point)).point?.node.focus();
    }
  });

  // Colours, shapes and filters are those of the legend that is shown.
  function show() {
    const legend = legends.find((other) => !by || other.dataset.kind === by.value);
    if (!legend) return;
    for (const other of legends) other.hidden = other !== legend;
    const classes = [...legend.querySelectorAll("button")].map((button) => ({
      marker: button.querySelector("svg").classList[1],
      shape: button.querySelector("use").getAttribute("href"),
      pressed: button.getAttribute("aria-pressed") === "true",
    }));
    const isAnyPressed = classes.some((entry) => entry.pressed);
    for (const { node, use } of points) {
      const { marker, shape, pressed } = classes[node.dataset[legend.dataset.kind]];
      node.classList.remove(...[...node.classList].filter((other) => other.startsWith("colour-")));
      node.classList.add(marker);
      node.classList.toggle("faded", isAnyPressed && !pressed);
      use.setAttribute("href", shape);
    }
    const first = points.find((point) => point.node.getAttribute("tabindex") === "0");
    if (!first || !isShown(first)) makeFocusable(points.find(isShown));
  }

  for (const legend of legends) {
    const buttons = [...legend.querySelectorAll("button")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        show();
      });
    }
    legend.querySelector("input")?.addEventListener("input", (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      for (const button of buttons) button.hidden = !button.textContent.toLowerCase().includes(wanted);
    });
  }
  by?.addEventListener("change", show);
  const group = document.getElementById("map-switch");
  if (group) group.hidden = false;
  show();
}

const map = document.getElementById("map");
if (map) startMap(map);

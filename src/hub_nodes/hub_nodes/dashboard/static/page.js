// What the page does by itself, without asking the home: its look, and points of charts.
window.hearthgrid = (() => {
  const series = new Map(); // chart element → the points of each series

  // Charts mount a moment after the page; wait for them.
  function chart(id, use, tries = 100) {
    const element = typeof getElement === "function" && document.getElementById("c" + id) ? getElement(id) : undefined;
    if (element?.chart) use(element.chart);
    else if (tries > 0) setTimeout(() => chart(id, use, tries - 1), 50);
  }

  function set(id, option) {
    const kept = series.get(id) ?? [];
    for (const one of option.series) kept[Number(one.id)] = one.data;
    series.set(id, kept);
    chart(id, (drawn) => drawn.setOption(option));
  }

  function extend(id, rows, keep) {
    const kept = series.get(id) ?? [];
    const newest = Math.max(...rows.map((row) => (row.length ? row[row.length - 1][0] : -Infinity)));
    const option = rows.map((row, i) => {
      const data = (kept[i] ?? []).concat(row).filter((point) => point[0] >= newest - keep);
      return { id: String(i), data };
    });
    set(id, { series: option });
  }

  // Texts [id, text] and attributes [id, name, value] of elements that are there, all at once.
  function patch(rows) {
    for (const [id, ...row] of rows) {
      const element = document.getElementById(id);
      if (!element) continue; // gone meanwhile
      if (row.length === 1) {
        // The framework keeps hold of the text's own node: change that one.
        const text = element.firstChild;
        if (text?.nodeType === Node.TEXT_NODE) text.nodeValue = row[0];
        else element.prepend(row[0]);
      } else if (row[1] === null || row[1] === false) element.removeAttribute(row[0]);
      else element.setAttribute(row[0], row[1] === true ? "" : row[1]);
    }
  }

  // Light and dark: the system's wish, unless the person chose here.
  const store = { get: () => { try { return localStorage.getItem("hearthgrid-look"); } catch { return null; } },
                  set: (look) => { try { localStorage.setItem("hearthgrid-look", look); } catch { /* private window */ } } };
  const wish = store.get();
  if (wish) document.documentElement.dataset.look = wish;

  function dark() {
    const look = document.documentElement.dataset.look;
    return look ? look === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function toggleLook() {
    const look = dark() ? "light" : "dark";
    document.documentElement.dataset.look = look;
    store.set(look);
  }

  // A page nobody looks at costs nothing.
  document.addEventListener("visibilitychange", () => {
    if (typeof emitEvent === "function") emitEvent("seen", !document.hidden);
  });

  // A row of a list marked .shed-list is dragged: the list hears which outlet goes to which place.
  let dragged = null;
  const rowOf = (event) => event.target.closest?.(".shed-row");
  addEventListener("dragstart", (event) => { dragged = rowOf(event); });
  addEventListener("dragover", (event) => {
    const row = rowOf(event);
    if (!dragged || !row) return;
    event.preventDefault();
    for (const one of row.parentElement.children) one.classList.toggle("over", one === row);
  });
  addEventListener("drop", (event) => {
    const row = rowOf(event);
    if (!dragged || !row) return;
    event.preventDefault();
    row.classList.remove("over");
    const detail = { outlet: dragged.dataset.outlet, to: Number(row.dataset.place) };
    dragged = null;
    row.parentElement.dispatchEvent(new CustomEvent("reorder", { detail }));
  });
  addEventListener("dragend", () => { dragged = null; });

  // The mark of a deadline is dragged, or moved by keys: its list hears of it once the person pauses.
  const QUARTER = 900; // [s]
  const KEYS = { ArrowLeft: -QUARTER, ArrowDown: -QUARTER, ArrowRight: QUARTER, ArrowUp: QUARTER,
                 PageDown: -4 * QUARTER, PageUp: 4 * QUARTER };
  let held = null; // the mark that is dragged
  const waiting = new Map(); // mark → timer
  const markOf = (event) => event.target.closest?.('.deadline[data-may="true"]');

  function moveMark(mark, at) {
    const { start, length, zone } = mark.dataset;
    const low = Math.max(Number(start), Date.now() / 1e3 + 60);
    at = Math.min(Math.max(Math.ceil(at / QUARTER) * QUARTER, Math.ceil(low / QUARTER) * QUARTER),
                  Number(start) + Number(length));
    mark.dataset.at = at;
    mark.style.left = `${(100 * (at - start)) / length}%`;
    const said = new Date((at + Number(zone)) * 1e3).toISOString().slice(11, 16);
    mark.querySelector("span").firstChild.nodeValue = said;
    mark.setAttribute("aria-valuetext", said);
    mark.setAttribute("aria-valuenow", Math.round((at - start) / 60));
  }

  function tellMark(mark) {
    clearTimeout(waiting.get(mark));
    waiting.delete(mark);
    const detail = { outlet: mark.dataset.outlet, job: mark.dataset.job, at: Number(mark.dataset.at) };
    mark.closest(".gantt")?.dispatchEvent(new CustomEvent("deadline", { detail }));
  }

  addEventListener("pointerdown", (event) => {
    held = markOf(event) ?? null;
    if (!held || event.button > 0) return;
    held.setPointerCapture(event.pointerId);
    held.dataset.from = held.dataset.at;
    held.focus();
    event.preventDefault();
  });
  addEventListener("pointermove", (event) => {
    if (!held) return;
    const track = held.parentElement.getBoundingClientRect();
    const share = (event.clientX - track.left) / track.width;
    moveMark(held, Number(held.dataset.start) + share * Number(held.dataset.length));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, () => {
      if (held && held.dataset.at !== held.dataset.from) tellMark(held);
      held = null;
    });
  }
  addEventListener("keydown", (event) => {
    const mark = markOf(event);
    if (!mark || !(event.key in KEYS || event.key === "Enter")) return;
    event.preventDefault();
    if (event.key === "Enter") { if (waiting.has(mark)) tellMark(mark); return; }
    moveMark(mark, Number(mark.dataset.at) + KEYS[event.key]);
    clearTimeout(waiting.get(mark));
    waiting.set(mark, setTimeout(() => tellMark(mark), 800));
  });

  // NiceGUI shows #popup while the connection is lost and reloads the page once it is back.
  addEventListener("DOMContentLoaded", () => {
    const popup = document.getElementById("popup");
    if (!popup) return;
    popup.setAttribute("role", "alert");
    popup.firstElementChild.textContent = "Connection to Hearthgrid lost.";
    popup.lastElementChild.textContent = "What you see is old. Trying again; outlets go on by themselves.";
    new MutationObserver(() => {
      const lost = popup.getAttribute("aria-hidden") === "false";
      document.body.classList.toggle("lost", lost);
      if (lost) window.socket?.io.reconnectionDelayMax(2000); // [ms] between tries
    }).observe(popup, { attributes: true, attributeFilter: ["aria-hidden"] });
  });

  return { set, extend, patch, toggleLook };
})();

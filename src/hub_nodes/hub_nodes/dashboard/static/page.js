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

  return { set, extend, toggleLook };
})();

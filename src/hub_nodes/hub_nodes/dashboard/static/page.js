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
    if (option.yAxis) units.set(id, [option.yAxis].flat().map((axis) => axis.name));
    chart(id, (drawn) => drawn.setOption(option));
    if (!due.has(id)) due.set(id, setTimeout(() => { due.delete(id); tell(id); }, 500));
  }

  // What a chart shows in words, for a screen reader, and as a table while that is open.
  const units = new Map(), due = new Map();
  const ROWS = 100; // of a table, at most
  const number = (value) => value == null || Number.isNaN(+value) ? "–" : (+value).toFixed(
    Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 || value == 0 ? 2 : 3)
    .replace(/^-(?=[0.]*$)/, "").replace("-", "−");
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  function across(kind, points) {
    if (kind !== "time") return kind === "category" ? String : number;
    const length = points.length ? points[points.length - 1] - points[0] : 0; // [ms]
    return (at) => {
      const said = new Date(at).toISOString();
      return `${length >= 864e5 ? `${+said.slice(8, 10)} ${MONTHS[+said.slice(5, 7) - 1]} ` : ""}${said.slice(11, length < 36e5 ? 19 : 16)}`;
    };
  }

  function tell(id, tries = 20) {
    const box = document.querySelector(`.chart-table[data-chart="${id}"]`);
    if (!box) { if (tries > 0) setTimeout(() => tell(id, tries - 1), 250); return; }
    const about = JSON.parse(box.dataset.columns), rows = series.get(id) ?? [];
    const unit = (column) => (units.get(id) ?? about.units)[column.axis] ?? "";
    const steady = about.columns.some((column) => column.holds) || about.kind === "time";
    let xs = steady || about.kind === "category" ? [...new Set(rows.flatMap((row) => (row ?? []).map((point) => point[0])))]
      : (rows[0] ?? []).map((point) => point[0]);
    if (steady) xs.sort((a, b) => a - b);
    const say = across(about.kind, xs);
    const at = about.columns.map((column) => {
      const maps = column.series.map((i) => new Map((rows[i] ?? []).map((point, n) => [steady ? point[0] : n, point[1]])));
      let held = maps.map(() => undefined);
      return xs.map((x, n) => {
        const key = about.kind === "category" || !steady ? n : x;
        const now = maps.map((map, i) => (map.has(key) ? map.get(key) : column.holds ? held[i] : undefined));
        held = now;
        return now.some((value) => value == null) ? null : now.reduce((sum, value) => sum + +value, 0);
      });
    });
    const summary = document.getElementById(`hg-chart-${id}`);
    const words = about.columns.map((column, i) => {
      const known = at[i].map((value, n) => [value, n]).filter(([value]) => value != null);
      if (!known.length) return "";
      const least = known.reduce((a, b) => (b[0] < a[0] ? b : a)), most = known.reduce((a, b) => (b[0] > a[0] ? b : a));
      const one = ([value, n]) => `${number(value)} ${unit(column)} at ${(about.say || "{}").replace("{}", say(xs[n]))}`;
      const last = about.kind === "time" ? `, last ${one(known[known.length - 1])}` : "";
      return `${column.name}: least ${one(least)}, most ${one(most)}${last}.`;
    });
    if (summary) summary.textContent = words.filter(Boolean).join(" ") || "No values yet.";
    if (box.open) table(box.querySelector(".table-box"), about, unit, xs, at, say);
  }

  function table(box, about, unit, xs, at, say) {
    const every = Math.ceil(xs.length / ROWS) || 1;
    const made = document.createElement("table");
    const cell = (row, tag, text, scope) => {
      const one = row.appendChild(document.createElement(tag));
      one.textContent = text;
      if (scope) one.scope = scope;
    };
    made.createCaption().textContent = xs.length ? (every > 1 ? `One row in ${every} of ${xs.length}.` : `${xs.length} rows.`)
      : "No values yet.";
    const head = made.createTHead().insertRow(), body = made.createTBody();
    cell(head, "th", about.x, "col");
    for (const column of about.columns) cell(head, "th", `${column.name} [${unit(column)}]`, "col");
    for (let n = (xs.length - 1) % every; n < xs.length; n += every) {
      const row = body.insertRow();
      cell(row, "th", say(xs[n]), "row");
      for (const column of at) cell(row, "td", number(column[n]));
    }
    box.replaceChildren(made); // the box keeps its place and what it is scrolled to
  }

  addEventListener("toggle", (event) => {
    const box = event.target;
    if (box.open && box.matches?.(".chart-table")) tell(Number(box.dataset.chart));
  }, true);

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

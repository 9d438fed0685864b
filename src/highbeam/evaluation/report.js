"use strict";
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  // ---- sliders: the picture itself is the handle, the range input is for the keyboard and for screen readers
  const names = { dark: ["dark", "output"], reference: ["output", "reference"] };
  const show = (stage, value) => {
    const input = stage.querySelector("input");
    const [left, right] = names[stage.dataset.pair];
    input.value = value;
    stage.style.setProperty("--at", input.value + "%");
    input.setAttribute("aria-valuetext", `${Math.round(input.value)} % ${left}, the rest ${right}`);
  };
  const name = (stage) => {
    const [left, right] = names[stage.dataset.pair];
    stage.querySelector(".left").textContent = left;
    stage.querySelector(".right").textContent = right;
    show(stage, stage.querySelector("input").value);
  };
  const move = (stage, value) => {
    const article = stage.closest(".case");
    const together = article.querySelector(".together input");
    const moved = together && together.checked ? all(".stage[data-pair]", article) : [stage];
    moved.forEach((one) => show(one, value));
  };
  all(".stage[data-pair]").forEach((stage) => {
    const input = stage.querySelector("input");
    const drag = (event) => {
      const box = stage.getBoundingClientRect();
      move(stage, (100 * (event.clientX - box.left)) / box.width);
    };
    name(stage);
    input.addEventListener("input", () => move(stage, input.value));
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      stage.setPointerCapture(event.pointerId);
      input.focus({ preventScroll: true });
      drag(event);
    });
    stage.addEventListener("pointermove", (event) => {
      if (stage.hasPointerCapture(event.pointerId)) drag(event);
    });
  });
  all(".switch button").forEach((button) => {
    button.addEventListener("click", () => {
      const stage = button.closest(".shot").querySelector(".stage");
      stage.dataset.pair = button.dataset.pair;
      all("button", button.parentElement).forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
      name(stage);
    });
  });

  // ---- what a mark is: at once, and by touch, which titles of SVG are not
  const tip = document.getElementById("tip");
  all("path.mark > title").forEach((title) => {
    title.parentElement.dataset.about = title.textContent;
    title.remove();
  });
  const point = (event) => {
    const mark = event.target instanceof Element ? event.target.closest("[data-about]") : null;
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.about;
    const box = mark.getBoundingClientRect();
    const wide = tip.offsetWidth;
    const left = Math.max(4, Math.min(box.left + box.width / 2 - wide / 2, document.documentElement.clientWidth - wide - 4));
    tip.style.left = left + "px";
    tip.style.top = Math.max(4, box.top - tip.offsetHeight - 8) + "px";
  };
  document.addEventListener("pointerover", point);
  document.addEventListener("pointerdown", point);
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true, capture: true });

  // ---- the table of every picture
  const table = document.getElementById("pictures");
  const body = table.tBodies[0];
  const count = document.getElementById("count");
  const needle = document.getElementById("needle");
  const selects = all(".filters select");
  const number = (words) => {
    const plain = words.replace("\u2212", "-").replace("\u221e", "Infinity").replace(/\u00d7.*/, "");
    return plain === "" || plain === "\u2013" ? NaN : Number(plain);
  };
  const sort = (column, down) => {
    const numeric = table.tHead.rows[0].cells[column].className === "n";
    const sign = down ? -1 : 1;
    const keyed = Array.from(body.rows, (row) => {
      const words = row.cells[column].textContent;
      return [numeric ? number(words) : words, row];
    });
    const order = new Intl.Collator(undefined, { numeric: true }).compare;
    keyed.sort(([a], [b]) => {
      if (!numeric) return sign * order(a, b);
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b); // what is not there comes last
      return a === b ? 0 : sign * (a < b ? -1 : 1);
    });
    body.append(...keyed.map(([, row]) => row));
  };
  all("th button", table).forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const down = head.getAttribute("aria-sort") === "ascending";
      all("th", table.tHead).forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(column, down);
    });
  });
  const filter = () => {
    const wanted = needle.value.trim().toLowerCase();
    let left = 0;
    for (const row of body.rows) {
      const words = [0, 1, 2].map((i) => row.cells[i].textContent);
      const kept =
        words.join("\n").toLowerCase().includes(wanted) &&
        selects.every((one) => one.selectedIndex === 0 || words[Number(one.dataset.column)] === one.value);
      row.hidden = !kept;
      left += kept;
    }
    count.textContent = `${left} of ${body.rows.length} rows`;
  };
  needle.addEventListener("input", filter);
  selects.forEach((one) => one.addEventListener("change", filter));

  // ---- paper shows what is folded away
  window.addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));
})();

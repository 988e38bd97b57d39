for (const filter of document.querySelectorAll(".filter")) {
  const table = document.getElementById(filter.dataset.table);
  const input = filter.querySelector("input"), select = filter.querySelector("select"), told = filter.querySelector("output");
  const narrow = () => {
    const wanted = input.value.toLocaleLowerCase(), rows = [...table.tBodies[0].rows];
    for (const row of rows) {
      const chosen = !select || !select.value || row.cells[select.dataset.column].textContent === select.value;
      row.hidden = !(chosen && row.textContent.toLocaleLowerCase().includes(wanted));
    }
    if (told) told.textContent = `${rows.filter(row => !row.hidden).length} / ${rows.length}`;
  };
  input.addEventListener("input", narrow);
  if (select) select.addEventListener("change", narrow);
  narrow();
}
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("th").forEach((head, k) => {
    const button = document.createElement("button");
    button.className = "sort";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      const text = row => row.cells[k].textContent;
      rows.sort((a, b) => text(a).localeCompare(text(b), undefined, {numeric: true}) * (down ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}

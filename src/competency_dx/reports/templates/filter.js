const filter = document.getElementById("filter");
for (const table of document.querySelectorAll("table.sortable")) {
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLocaleLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLocaleLowerCase().includes(wanted);
  });
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

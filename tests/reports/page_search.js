// Searches the groups of a region by words, then by level, and reports how many rows are left each time.
const field = document.querySelector(".filter input"), choice = document.querySelector(".filter select");
const rows = () => [...document.querySelectorAll("#groups-table tbody tr")].filter(row => !row.hidden).length;
const every = rows();
field.value = "b";
field.dispatchEvent(new Event("input"));
const some = rows();
field.value = "";
choice.value = choice.options[1].value;
choice.dispatchEvent(new Event("change"));
report([every, some, rows(), document.querySelector(".filter output").textContent]);

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A report's behaviour: links to the sections, tables that sort. The page is right without it.
(() => {
"use strict";

const element = (name, text) => {
	const el = document.createElement(name);
	el.textContent = text;
	return el;
};

// --- links ---
const list = document.createElement("ul");
for (const section of document.querySelectorAll("main > section")) {
	const item = document.createElement("li");
	// The first words of a long title will do.
	const link = element("a", section.querySelector("h2").textContent.split(/[:,]/)[0]);
	link.href = "#" + section.id;
	item.append(link);
	list.append(item);
}
document.querySelector("nav").append(list);

// --- figures, as user/format.c writes them ---
const UNITS = { "": 1, "%": 1, ns: 1, us: 1e3, ms: 1e6, s: 1e9, min: 6e10, h: 3.6e12,
	B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15,
	KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, M: 1e6, G: 1e9, T: 1e12 };
function figure(text) {
	const found = /^[<x ]*([\d,]+(?:\.\d+)?)\s*([A-Za-z%]*)(?:\/s)?$/.exec(text);
	return found && found[2] in UNITS ? Number(found[1].replaceAll(",", "")) * UNITS[found[2]] : null;
}

// --- tables ---
// A row that is indented stays below the one that it is a part of.
function groups(body) {
	const found = [];
	for (const row of body.rows)
		if (row.cells[0].className === "i" && found.length)
			found[found.length - 1].push(row);
		else
			found.push([row]);
	return found;
}

// What is no figure (unknown, none) comes last, whichever way.
function compare(column, sign) {
	return ([a], [b]) => {
		const x = a.cells[column].textContent, y = b.cells[column].textContent;
		const m = figure(x), n = figure(y);
		if (m !== null && n !== null)
			return sign * (m - n);
		if (m !== null || n !== null)
			return m === null ? 1 : -1;
		return sign * x.localeCompare(y);
	};
}

function sort(table, head) {
	const body = table.tBodies[0], column = head.cellIndex;
	// Figures from the largest, words from the first.
	const first = groups(body).some(([row]) => figure(row.cells[column].textContent) !== null)
		? "descending" : "ascending";
	const other = first === "ascending" ? "descending" : "ascending";
	const order = head.getAttribute("aria-sort") === first ? other : first;
	for (const th of table.tHead.rows[0].cells)
		th.removeAttribute("aria-sort");
	head.setAttribute("aria-sort", order);
	const sorted = groups(body).sort(compare(column, order === "ascending" ? 1 : -1));
	body.append(...sorted.flat());
}

for (const table of document.querySelectorAll("table")) {
	if (table.tBodies[0].rows.length < 2)
		continue;
	for (const head of table.tHead.querySelectorAll("th")) {
		const button = element("button", head.textContent);
		button.type = "button";
		button.addEventListener("click", () => sort(table, head));
		head.replaceChildren(button);
	}
}
})();

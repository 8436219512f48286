// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A flame graph's behaviour: layout for the window's width, zoom, search, tooltip, keyboard.
// The picture is right without it; what it draws follows the rules of flame/svg.c.
(() => {
"use strict";

const svg = document.currentScript.ownerSVGElement;
const SVG = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
const byId = (id) => svg.querySelector("#" + id);
const number = (name) => Number(svg.dataset[name] || 0);
const margin = number("margin"), row = number("row"), fixed = number("width");
const PART = " \u00b7 ", ELLIPSIS = "\u2026";
const graph = byId("graph");

// --- the frames, in the order of the file: parents before children, siblings from left to right ---
const els = Array.from(graph.children);
const n = els.length;
const x = new Float64Array(n), value = new Float64Array(n);
const depth = new Uint32Array(n), parent = new Int32Array(n).fill(-1);
const index = new Map();
const titles = new Array(n);

for (let i = 0, path = []; i < n; i++) {
	const el = els[i];
	x[i] = Number(el.getAttribute("data-x"));
	value[i] = Number(el.getAttribute("data-v"));
	depth[i] = Number(el.getAttribute("data-d"));
	path[depth[i]] = i;
	if (depth[i])
		parent[i] = path[depth[i] - 1];
	index.set(el, i);
}

const rectOf = (i) => els[i].querySelector("rect");
const title = (i) => titles[i] !== undefined ? titles[i]
	: (titles[i] = els[i].firstElementChild.textContent);
const nameOf = (i) => title(i).split("\n", 1)[0];

// --- figures, as user/format.c writes them ---
function figures(v, units) {
	let last = "";
	for (const [size, name] of units) {
		for (const decimals of size === 1 ? [0] : [2, 1, 0]) {
			const scaled = Math.round(v / size * 10 ** decimals);
			last = `${(scaled / 10 ** decimals).toFixed(decimals)} ${name}`;
			if (scaled < 1000)
				return last;
		}
	}
	return last;
}

const TIMES = [[1, "ns"], [1e3, "us"], [1e6, "ms"], [1e9, "s"], [6e10, "min"], [3.6e12, "h"]];
const MEMORY = [[1, "B"], [1024, "KiB"], [1024 ** 2, "MiB"], [1024 ** 3, "GiB"], [1024 ** 4, "TiB"]];
const COUNTS = [[1e6, "M"], [1e9, "G"], [1e12, "T"]];
function figure(v) {
	const unit = svg.dataset.unit;
	if (!unit)
		return v ? figures(v, TIMES) : "0";
	v = Math.floor(v / 1000);
	if (unit === "bytes")
		return v ? figures(v, MEMORY) : "0";
	return (v < 1e6 ? v.toLocaleString("en-US") : figures(v, COUNTS)) + " " + unit;
}

function share(part, whole) {
	if (!part)
		return "0 %";
	const tenths = Math.floor(part * 1000 / whole + .5);
	if (!tenths)
		return "<0.1 %";
	return tenths >= 1000 ? `${Math.floor((tenths + 5) / 10)} %` : `${(tenths / 10).toFixed(1)} %`;
}

// --- text of fixed width ---
const isWide = (c) => c >= 0x1100 && (c <= 0x115f || (c >= 0x2e80 && c <= 0xd7a3) ||
	(c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) ||
	(c >= 0xff00 && c <= 0xff60) || c >= 0x1f300);

function cut(text, columns) {
	if (text.length <= columns / 2)
		return text;
	let used = 0, kept = "", keep = "";
	for (const c of text) {
		used += isWide(c.codePointAt(0)) ? 2 : 1;
		if (used > columns)
			return keep + ELLIPSIS;
		kept += c;
		if (used < columns)
			keep = kept;
	}
	return text;
}

function make(parentNode, name, attributes, text) {
	const el = document.createElementNS(SVG, name);
	for (const key in attributes)
		el.setAttribute(key, attributes[key]);
	if (text !== undefined)
		el.textContent = text;
	parentNode.append(el);
	return el;
}

function measure(className, text) {
	const probe = make(svg, "text", { class: className, visibility: "hidden" }, text);
	const length = probe.getComputedTextLength();
	probe.remove();
	return length;
}
const charWidth = measure("", "0".repeat(50)) / 50 || 7.23;

// --- layout ---
let width = 0, zoomed = 0, graphTop = 0;
const lastX = new Float32Array(n).fill(NaN), lastWidth = new Float32Array(n).fill(NaN);
const hidden = new Uint8Array(n), above = new Uint8Array(n);
const labels = new Array(n);

function labelOf(i) {
	if (!labels[i]) {
		const rect = rectOf(i);
		labels[i] = els[i].querySelector("text") ||
			make(els[i], "text", { y: Number(rect.getAttribute("y")) + 13 });
	}
	return labels[i];
}

// A graph that compares puts the change before the name. Half a figure would be a wrong one: its sign
// alone where there is no room for more.
function labelText(i, columns) {
	const change = els[i].dataset.p;
	if (!change)
		return cut(nameOf(i), columns);
	if (columns < change.length)
		return change[0] === "-" ? "-" : "+";
	return columns < change.length + 4 ? change : cut(change + " " + nameOf(i), columns);
}

function place(i, left, w) {
	if (left === lastX[i] && w === lastWidth[i])
		return;
	lastX[i] = left;
	lastWidth[i] = w;
	const rect = rectOf(i), columns = Math.floor((w - 7) / charWidth);
	rect.setAttribute("x", left.toFixed(2));
	rect.setAttribute("width", (w > 2 ? w - .7 : w).toFixed(2));
	if (columns >= 3) {
		const label = labelOf(i);
		label.setAttribute("x", (left + 3).toFixed(2));
		label.textContent = labelText(i, columns);
	} else if (labels[i] || els[i].lastElementChild !== rect) {
		labelOf(i).textContent = "";
	}
}

function draw() {
	const inner = width - 2 * margin;
	const from = x[zoomed], to = from + value[zoomed], scale = inner / value[zoomed];
	for (let i = 0; i < n; i++) {
		const end = x[i] + value[i];
		const isAbove = depth[i] < depth[zoomed] && x[i] <= from && end >= to;
		const w = isAbove ? inner : value[i] * scale;
		const hide = isAbove ? 0 :
			+(depth[i] < depth[zoomed] || end <= from || x[i] >= to || (w < .1 && i !== 0));
		if (hide !== hidden[i]) {
			hidden[i] = hide;
			if (hide)
				els[i].setAttribute("display", "none");
			else
				els[i].removeAttribute("display");
		}
		if (+isAbove !== above[i]) {
			above[i] = +isAbove;
			els[i].classList.toggle("up", isAbove);
		}
		if (!hide)
			place(i, isAbove ? 0 : (x[i] - from) * scale, w);
	}
}

// A paragraph: broken between its parts, a part that is too long between its words. Returns where the
// next goes.
function flow(text, y) {
	if (!text)
		return y;
	const fits = (line) => measure("p", line) <= width - 2 * margin;
	const lines = [""];
	const add = (between, piece) => {
		const line = lines[lines.length - 1];
		if (line && !fits(line + between + piece))
			lines.push(piece);
		else
			lines[lines.length - 1] = line ? line + between + piece : piece;
	};
	for (const part of text.dataset.text.split(PART)) {
		if (fits(part)) {
			add(PART, part);
			continue;
		}
		const words = part.split(" ");
		add(PART, words[0]);
		for (const word of words.slice(1))
			add(" ", word);
	}
	text.replaceChildren();
	for (const line of lines) {
		make(text, "tspan", { x: margin, y }, line);
		y += number("textRow");
	}
	return y;
}

function grid(group, y) {
	const entries = group.children, cell = number("cell"), high = number("cellRow");
	const columns = Math.max(1, Math.floor((width - 2 * margin) / cell));
	for (let i = 0; i < entries.length; i++)
		entries[i].setAttribute("transform", `translate(${margin + i % columns * cell} ${
			y + Math.floor(i / columns) * high})`);
	return y + Math.ceil(entries.length / columns) * high;
}

const heading = byId("title");
const wholeTitle = svg.querySelector("title").textContent;

function layOut() {
	// The tools stand beside the title where there is room, else below it; what they say then has a
	// line of its own in the narrowest windows.
	const own = width < 900, narrow = width < 640;
	const toolsWidth = own ? width - 2 * margin : Math.max(600, width * .55);
	heading.textContent = wholeTitle;
	const room = own ? width - 2 * margin : width - toolsWidth - 3 * margin;
	for (let t = wholeTitle; t.length > 8 && heading.getComputedTextLength() > room;)
		heading.textContent = (t = t.slice(0, Math.floor(t.length * .93) - 1)) + ELLIPSIS;
	let y = 30;
	tools.setAttribute("x", own ? margin : width - margin - toolsWidth);
	tools.setAttribute("y", own ? y + 10 : 9);
	tools.setAttribute("width", toolsWidth);
	tools.setAttribute("height", narrow ? 58 : 30);
	toolsRow.classList.toggle("own", own);
	y = flow(byId("subtitle"), y + (narrow ? 86 : own ? 60 : 22));
	y = flow(byId("notes"), y);
	y = grid(byId("legend"), y - 4);
	if (byId("across").children.length)
		y = grid(byId("across"), y + 4);
	graphTop = y + 10;
	graph.setAttribute("transform", `translate(${margin} ${graphTop})`);
	y = flow(byId("foot"), graphTop + (number("depth") + 1) * row + 22);
	svg.setAttribute("height", y + number("textRow") - 10);
	draw();
}

function resize() {
	// A picture that has become too high for the window gets a scroll bar, and less width for it.
	for (let tries = 0; tries < 2; tries++) {
		const now = fixed || Math.max(320, svg.getBoundingClientRect().width);
		if (Math.abs(now - width) < .5)
			return;
		width = now;
		hideTip();
		layOut();
	}
}

// --- the tools: XHTML, since a text field with a selection, an undo and a menu is not to be redone ---
const tools = make(svg, "foreignObject", { id: "tools", height: 30 });
const html = (parentNode, name, attributes) => {
	const el = document.createElementNS(XHTML, name);
	Object.assign(el, attributes);
	parentNode.append(el);
	return el;
};
const toolsRow = html(tools, "div", {});
const status = html(toolsRow, "output", {});
status.setAttribute("aria-live", "polite");
const field = html(toolsRow, "input", { type: "search", placeholder: "regular expression",
	title: "Search frames by a regular expression (Ctrl-F or /). In lower case it matches any case." });
field.setAttribute("aria-label", "Search frames by a regular expression");
const searchButton = html(toolsRow, "button", { type: "button", textContent: "Search", title: "Ctrl-F or /" });
const resetButton = html(toolsRow, "button",
	{ type: "button", textContent: "Reset zoom", title: "Escape", hidden: true });

// --- search and highlight: frames that are meant keep their colour, the others fade ---
let marks = null; // { text, share(i): 0 to 1 of the frame, whole(i): all of it }

// Of the frames that lie in others that count already, nothing is added.
function sums() {
	const from = x[zoomed], to = from + value[zoomed];
	let all = 0, view = 0, until = -1;
	for (let i = 0; i < n; i++) {
		if (x[i] < until || !marks.hit[i])
			continue;
		until = x[i] + value[i];
		all += value[i];
		view += Math.max(0, Math.min(until, to) - Math.max(x[i], from));
	}
	return { all, view };
}

function tell() {
	status.textContent = "";
	if (!marks)
		return;
	if (marks.problem) {
		status.textContent = marks.problem;
		return;
	}
	const { all, view } = marks.sum === undefined ? sums() : { all: marks.sum };
	const least = marks.sum === undefined && number("leftOut") ? "at least " : "";
	status.textContent = `${marks.what}${least}${share(all, value[0])}, ${figure(all)}` +
		(zoomed && view !== undefined ? `; of this view ${share(view, value[zoomed])}` : "");
	status.title = status.textContent;
	status.dataset.matched = all;
}

function show(next) {
	for (const el of svg.querySelectorAll('.e[aria-pressed="true"]'))
		el.setAttribute("aria-pressed", "false");
	for (let i = 0; i < n; i++) {
		const hit = next && next.hit ? next.hit[i] : 0;
		els[i].classList.toggle("hit", hit > 0);
		rectOf(i).style.fillOpacity = hit > 0 && hit < 1 ? (.16 + .84 * hit).toFixed(2) : "";
	}
	marks = next;
	graph.classList.toggle("dim", Boolean(next && next.hit));
	graph.classList.toggle("searched", Boolean(next && next.hit && next.sum === undefined));
	if (next && next.entry)
		next.entry.setAttribute("aria-pressed", "true");
	delete status.dataset.matched;
	tell();
}

function search() {
	const text = field.value;
	field.classList.remove("bad");
	if (!text) {
		show(null);
		return;
	}
	let pattern;
	try {
		pattern = new RegExp(text, /[A-Z]/.test(text) ? "" : "i");
	} catch {
		field.classList.add("bad");
		show({ problem: "not a regular expression" });
		return;
	}
	const hit = new Float32Array(n);
	for (let i = 0; i < n; i++)
		hit[i] = pattern.test(nameOf(i)) ? 1 : 0;
	show({ what: "matched ", hit });
}

// What share of a frame is of these classes.
function shareOf(i, classes) {
	const split = els[i].getAttribute("data-s");
	if (!split)
		return +classes.includes(els[i].getAttribute("class").match(/\bc(\d+)/)[1]);
	let sum = 0;
	for (const part of split.split(" ")) {
		const [c, v] = part.split(":");
		if (classes.includes(c))
			sum += Number(v);
	}
	return sum / value[i];
}

function highlight(entry) {
	field.value = "";
	field.classList.remove("bad");
	if (marks && marks.entry === entry) {
		show(null);
		return;
	}
	const classes = entry.dataset.c && entry.dataset.c.split(","), mark = entry.dataset.m;
	const hit = new Float32Array(n);
	for (let i = 0; i < n; i++)
		hit[i] = classes ? shareOf(i, classes) : +els[i].classList.contains(mark);
	show({ what: entry.querySelector("text").textContent + " ", hit, entry, sum: Number(entry.dataset.v) });
}

// --- zoom and focus ---
let current = 0; // the frame that the keyboard is at

function zoom(i) {
	zoomed = i;
	resetButton.hidden = !i;
	hideTip();
	draw();
	tell();
	setCurrent(i);
}

function setCurrent(i) {
	els[current].removeAttribute("tabindex");
	current = i;
	els[i].setAttribute("tabindex", "0");
	els[i].setAttribute("role", "button");
	els[i].setAttribute("aria-label", title(i).replaceAll("\n", ", "));
}

function focusOn(i) {
	setCurrent(i);
	els[i].focus({ preventScroll: false });
	showTip(i, null);
}

function firstChild(i) { // the widest that is shown
	let best = -1;
	for (let c = i + 1; c < n && depth[c] > depth[i]; c++)
		if (parent[c] === i && !hidden[c] && (best < 0 || value[c] > value[best]))
			best = c;
	return best;
}

function neighbour(i, step) {
	for (let c = i + step; c >= 0 && c < n; c += step)
		if (depth[c] === depth[i] && !hidden[c])
			return c;
	return -1;
}

const leafward = svg.dataset.inverted ? "ArrowDown" : "ArrowUp";
const rootward = svg.dataset.inverted ? "ArrowUp" : "ArrowDown";
const moves = {
	[leafward]: firstChild,
	[rootward]: (i) => parent[i],
	ArrowLeft: (i) => neighbour(i, -1),
	ArrowRight: (i) => neighbour(i, 1),
	Home: () => zoomed,
};

function escape() {
	hideTip();
	if (zoomed)
		zoom(0);
	else if (marks || field.value) {
		field.value = "";
		search();
	}
}

function onKey(e) {
	const typing = e.target === field;
	if ((e.key === "f" && (e.ctrlKey || e.metaKey) && !typing) || (e.key === "/" && !typing)) {
		field.focus();
		field.select();
	} else if (e.key === "Escape") {
		if (typing) {
			field.value = "";
			search();
			field.blur();
		} else {
			escape();
		}
	} else if (typing || e.ctrlKey || e.metaKey || e.altKey) {
		return;
	} else if (e.key === "Enter" || e.key === " ") {
		const entry = e.target.closest && e.target.closest(".e");
		if (entry)
			highlight(entry);
		else if (graph.contains(e.target) || e.target === svg || e.target === document.body)
			zoom(current), focusOn(current);
		else
			return;
	} else if (moves[e.key]) {
		const next = graph.contains(document.activeElement) ? moves[e.key](current) : current;
		if (next >= 0)
			focusOn(next);
	} else {
		return;
	}
	e.preventDefault();
}

// --- tooltip ---
const tip = make(svg, "g", { id: "tip", "pointer-events": "none", visibility: "hidden" });
let hovered = -1;

function wrap(text, columns) {
	const lines = [];
	for (const line of text.split("\n"))
		for (let rest = line, first = true; first || rest; first = false) {
			// A name breaks anywhere, what is said of it between its words.
			let at = rest.length <= columns ? rest.length : columns;
			if (lines.length && at < rest.length && rest.lastIndexOf(" ", at) > 0)
				at = rest.lastIndexOf(" ", at) + 1;
			lines.push(rest.slice(0, at));
			rest = rest.slice(at);
		}
	return lines;
}

function showTip(i, pointer) {
	const columns = Math.max(20, Math.floor(Math.min(width - 60, 640) / charWidth));
	const nameLines = wrap(nameOf(i), columns).slice(0, 8);
	const lines = nameLines.concat(wrap(title(i).split("\n").slice(1).join("\n"), columns));
	if (zoomed && i !== zoomed && !above[i])
		lines.push(share(value[i], value[zoomed]) + " of this view");
	tip.replaceChildren();
	const box = make(tip, "rect", { rx: 5 });
	let wide = 0;
	lines.forEach((line, k) => {
		const t = make(tip, "text", { x: 9, y: 18 + 16 * k }, line);
		if (k < nameLines.length)
			t.setAttribute("class", "name");
		wide = Math.max(wide, t.getComputedTextLength());
	});
	const w = wide + 18, h = 16 * lines.length + 11, page = svg.getBoundingClientRect();
	box.setAttribute("width", w);
	box.setAttribute("height", h);
	const frame = rectOf(i).getBoundingClientRect();
	const px = pointer ? pointer.clientX - page.left + 12 : frame.left - page.left;
	let py = pointer ? pointer.clientY - page.top + 18 : frame.bottom - page.top + 4;
	// Above, where there is no room below: in the window or in the picture.
	const bottom = Math.min(window.innerHeight - page.top, page.height);
	if (py + h > bottom)
		py = (pointer ? pointer.clientY - page.top - 10 : frame.top - page.top - 4) - h;
	tip.setAttribute("transform",
		`translate(${Math.max(4, Math.min(px, width - w - 4))} ${Math.max(4, py)})`);
	tip.setAttribute("visibility", "visible");
}

function hideTip() {
	tip.setAttribute("visibility", "hidden");
	leave();
}

// The browser's own tooltip would come on top of ours: the title is taken out while we show it.
function enter(i) {
	if (i === hovered)
		return;
	leave();
	hovered = i;
	title(i);
	els[i].firstElementChild.textContent = "";
}

function leave() {
	if (hovered >= 0)
		els[hovered].firstElementChild.textContent = titles[hovered];
	hovered = -1;
}

const frameAt = (target) => {
	const el = target.closest && target.closest(".f");
	return el ? index.get(el) : undefined;
};

graph.addEventListener("pointermove", (e) => {
	const i = frameAt(e.target);
	if (i === undefined)
		return;
	enter(i);
	showTip(i, e);
});
graph.addEventListener("pointerleave", hideTip);
graph.addEventListener("click", (e) => {
	const i = frameAt(e.target);
	if (i !== undefined)
		zoom(i);
});
for (const entry of svg.querySelectorAll(".e")) {
	entry.setAttribute("tabindex", "0");
	entry.setAttribute("role", "button");
	entry.setAttribute("aria-pressed", "false");
	entry.addEventListener("click", () => highlight(entry));
}
let pending = 0;
field.addEventListener("input", () => {
	clearTimeout(pending);
	pending = setTimeout(search, 120);
});
field.addEventListener("change", search);
searchButton.addEventListener("click", () => {
	field.focus();
	search();
});
resetButton.addEventListener("click", () => zoom(0));
(svg === document.documentElement ? window : svg).addEventListener("keydown", onKey);
window.addEventListener("resize", () => requestAnimationFrame(resize));

byId("foot").dataset.text += PART + "Click or Enter: zoom. Escape: back. Ctrl-F or /: search. Arrows: move.";
graph.setAttribute("role", "group");
graph.setAttribute("aria-label", "flame graph of " + wholeTitle);
svg.classList.add("live");
if (!fixed) {
	svg.setAttribute("width", "100%");
	svg.removeAttribute("viewBox");
}
setCurrent(0);
resize();
})();

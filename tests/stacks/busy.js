// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps node busy: compiled code, regular expressions, JSON, its thread pool, timers.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const zlib = require('zlib');

const text = 'The quick brown fox jumps over the lazy dog, 1234 times; '.repeat(40);

function recursion(n) {
	return n < 2 ? n : recursion(n - 1) + recursion(n - 2);
}

class Shape {
	constructor(side) {
		this.side = side;
	}

	area() {
		return this.side * this.side;
	}
}

function objects() {
	return Array.from({ length: 500 }, (_, n) => new Shape(n)).map((s) => s.area())
		.sort((a, b) => b - a).reduce((a, b) => a + b, 0);
}

const work = [
	() => recursion(18),
	() => JSON.parse(JSON.stringify({ text, list: [...Array(300).keys()] })),
	() => text.replace(/(\w+)\s+(\w+)/g, (_, a, b) => `${b} ${a}`),
	objects,
	() => crypto.createHash('sha256').update(text).digest('hex'),
];

function some() {
	const end = Date.now() + 8;
	while (Date.now() < end)
		for (const f of work)
			f();
	setTimeout(some, 4);
}

async function files() {
	for (;;) {
		await fs.promises.readFile(__filename);
		await new Promise((resolve) => zlib.deflate(text, resolve));
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
}

files();
some();
console.log('ready');

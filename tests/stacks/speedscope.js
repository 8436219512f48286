// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// speedscope's own importer on folded files: node speedscope.js FOLDER FILE... with FOLDER the npm package.
// Prints a line a file: total, stacks. The package is a web page's script; its importer is reached by
// name, and what it wants of a browser before that is imitated by a thing that agrees to everything.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');

function agreeable() {
	const thing = new Proxy(function () {}, {
		get: (_, name) => (name === Symbol.toPrimitive ? () => '' : thing),
		set: () => true,
		has: () => true,
		apply: () => thing,
		construct: () => thing,
	});
	return thing;
}

function importer(folder) {
	const release = path.join(folder, 'dist', 'release');
	const name = fs.readdirSync(release).find((n) => /^speedscope-\w+\.js$/.test(n));
	const script = fs.readFileSync(path.join(release, name), 'utf8');
	// "importers = promise of (initialise(), module)", of the module that has our function.
	const module = /(\w+),\{[^}]*importProfileGroupFromText:/.exec(script)[1];
	const promise = new RegExp(`Promise\\.resolve\\(\\)\\.then\\(\\(\\)=>\\(\\w+\\(\\),${module}\\)\\)`);
	if (!promise.test(script))
		throw new Error('this speedscope looks different');
	const hooked = script.replace(promise, (found) => `globalThis.importers=${found}`);
	const names = ['window', 'document', 'navigator', 'location', 'localStorage', 'HTMLElement',
		'requestAnimationFrame', 'matchMedia', 'addEventListener', 'self', 'FileReader'];
	const context = { TextDecoder, TextEncoder, Uint8Array, ArrayBuffer, URL, setTimeout, clearTimeout,
		console: { log() {}, warn() {}, error() {} } };
	for (const n of names)
		context[n] = agreeable();
	vm.createContext(context);
	try {
		vm.runInContext(hooked, context);
	} catch (e) {
		if (!context.importers)
			throw e; // else it is only the page that cannot be drawn
	}
	return context.importers;
}

async function main() {
	const [folder, ...files] = process.argv.slice(2);
	const importers = await importer(folder);
	for (const file of files) {
		const text = fs.readFileSync(file, 'utf8');
		const group = await importers.importProfileGroupFromText(path.basename(file), text);
		const profiles = group ? group.profiles : [];
		const total = profiles.reduce((sum, p) => sum + p.getTotalWeight(), 0);
		console.log(`${total} ${profiles.reduce((sum, p) => sum + p.samples.length, 0)}`);
	}
}

main().catch((e) => {
	console.error(e.stack || e);
	process.exit(1);
});

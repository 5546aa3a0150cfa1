/** Removes statements of "this module has side effects" from packages that we use in small parts. */
const PURE = ['@platformatic/kafka', '@platformatic/dynamic-buffer', '@platformatic/wasm-utils', 'ajv'];

/** `…/node_modules/@scope/name/part` or `@scope/name/part` → `@scope/name`. */
export function packageOf(path) {
  const inside = path.split('node_modules/').at(-1);
  return inside
    .split('/')
    .slice(0, inside.startsWith('@') ? 2 : 1)
    .join('/');
}

/**
 * @platformatic/kafka compiles the JSON schemas of all its clients when it is imported (a quarter of a second); we use
 * its connection and raw requests. Only what is named by somebody is kept of these packages.
 */
export const moduleSideEffects = (id) => !(id.includes('node_modules/') && PURE.includes(packageOf(id)));

/**
 * A static import of `node:util` builds an ES module of all its members, which loads what Node keeps for those who ask
 * (5 ms for `node:util`, 4 ms for `node:fs`). `process.getBuiltinModule` takes the member and nothing else.
 */
export function lightBuiltins() {
  return {
    name: 'light-builtins',
    renderChunk(code) {
      let text = code;
      // From the end: what stands before keeps its place.
      for (const node of this.parse(code).body.toReversed()) {
        if (node.type !== 'ImportDeclaration' || !node.source.value.startsWith('node:')) continue;
        text = text.slice(0, node.start) + takeBuiltin(node) + text.slice(node.end);
      }
      return text;
    },
  };
}

function takeBuiltin({ source, specifiers }) {
  const from = `process.getBuiltinModule(${JSON.stringify(source.value)})`;
  const named = specifiers.filter(({ type }) => type === 'ImportSpecifier');
  const members = named.map(({ imported, local }) =>
    imported.name === local.name ? local.name : `${imported.name}: ${local.name}`,
  );
  return [
    ...specifiers
      .filter(({ type }) => type !== 'ImportSpecifier')
      .map(({ local }) => `const ${local.name} = ${from};`),
    ...(members.length === 0 ? [] : [`const { ${members.join(', ')} } = ${from};`]),
  ].join(' ');
}

const NO_CHILDREN = '\0no-children';

/** commander can start programs named `uplift-something`; we have none, and node:child_process costs every start 3 ms. */
export const isNeedlessBuiltin = (id, importer) =>
  id === 'node:child_process' && importer !== undefined && packageOf(importer) === 'commander';

export function withoutNeedlessBuiltins() {
  return {
    name: 'without-needless-builtins',
    resolveId: (source, importer) => (isNeedlessBuiltin(source, importer) ? NO_CHILDREN : null),
    load: (id) => (id === NO_CHILDREN ? 'export default {};' : null),
  };
}

/** The same WebAssembly inside of JavaScript: the plain build looks for a file beside itself. */
export function wasmInside() {
  return {
    name: 'wasm-inside',
    resolveId(source, importer, options) {
      return source === '@platformatic/wasm-utils'
        ? this.resolve('@platformatic/wasm-utils/bundled', importer, { ...options, skipSelf: true })
        : null;
    },
  };
}

/**
 * Collects what is evaluated before main() runs, the entry and all that it imports statically, each with the file that
 * brought it in: module id → importer (null for the entry).
 */
export function startFiles() {
  const importerOf = new Map();
  return {
    importerOf,
    plugin: {
      name: 'start-files',
      buildEnd() {
        const visit = (id, importer) => {
          const info = this.getModuleInfo(id);
          if (importerOf.has(id) || info === null) return;
          importerOf.set(id, importer);
          for (const imported of info.importedIds) visit(imported, id);
        };
        for (const id of this.getModuleIds()) if (this.getModuleInfo(id)?.isEntry) visit(id, null);
      },
    },
  };
}

/**
 * main.js holds everything that starts, so it needs no second file, and each would cost every start a millisecond: neither
 * the bundler's entry, which only passes main.js on, nor an import that takes nothing (the bundler's helpers for others).
 */
export function startAlone() {
  return {
    name: 'start-alone',
    renderChunk: (code, { name }) => (name === 'main' ? code.replace(/^import "\.\/[^"]+";\n/gm, '') : null),
    generateBundle(_options, bundle) {
      delete bundle['entry.js'];
    },
  };
}

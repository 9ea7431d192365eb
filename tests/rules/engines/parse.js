// Parses DMN XML from standard input with dmn-moddle (of the bpmn.io editors); writes its warnings and what it found.
// Run in the folder that holds node_modules.
"use strict";
const { pathToFileURL } = require("node:url");

(async () => {
  const { DmnModdle } = await import(pathToFileURL("node_modules/dmn-moddle/dist/index.js"));
  const xml = require("node:fs").readFileSync(0, "utf8");
  const { rootElement, warnings } = await new DmnModdle().fromXML(xml, "dmn:Definitions");
  const kinds = {};
  for (const element of rootElement.drgElement) kinds[element.$type] = (kinds[element.$type] ?? 0) + 1;
  process.stdout.write(JSON.stringify({ warnings: warnings.map((w) => w.message), kinds }));
})();

// What the R4 definitions within the npm package fhir demand of the resources named on standard input (a JSON list):
// codes of required bindings, targets of references, elements that must be there. Run in the folder with node_modules.
"use strict";
const peer = require("node:module").createRequire(`${process.cwd()}/`);
const { Fhir } = peer("fhir");
const { parsedStructureDefinitions: definitions, parsedValueSets: sets } = new Fhir().parser;
const kinds = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

function walk(properties, path, found) {
  for (const one of properties.filter((p) => !p._name.startsWith("_"))) {
    const at = path ? `${path}.${one._name}` : one._name;
    if (one._required && !path) found.needed.push(one._choice ?? one._name);
    if (one._valueSetStrength === "required" && one._valueSet) {
      const set = sets[one._valueSet.split("|")[0]];
      found.codes[at] = set ? set.systems.flatMap((s) => s.codes.map((c) => c.code)) : null;
    }
    if (one._type === "Reference") found.targets[at] = [one._targetProfiles ?? []].flat().map((p) => p.split("/").pop());
    if (one._type === "BackboneElement") walk(one._properties, at, found);
    else if (/^[A-Z]/.test(one._type) && one._type !== "Resource") (found.types[one._type] ??= []).push(at);
  }
  return found;
}
const answer = {};
for (const kind of kinds) {
  answer[kind] = walk(definitions[kind]._properties, "", { codes: {}, targets: {}, needed: [], types: {} });
}
process.stdout.write(JSON.stringify(answer));

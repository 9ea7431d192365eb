// Validates FHIR R4 resources from standard input (a JSON list) with the npm package fhir, in one process.
// Writes a list of the messages of severity error or fatal, for each. Run in the folder that holds node_modules.
"use strict";
const peer = require("node:module").createRequire(`${process.cwd()}/`);
const { Fhir } = peer("fhir");
const validator = new Fhir();
const resources = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const faults = resources.map((resource) => {
  const { valid, messages } = validator.validate(resource, { errorOnUnexpected: true });
  const bad = messages.filter((m) => m.severity === "error" || m.severity === "fatal");
  return { valid, faults: bad.map((m) => `${m.location}: ${m.message}`) };
});
process.stdout.write(JSON.stringify(faults));

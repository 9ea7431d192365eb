// Validates FHIR R4 JSON from standard input with the npm package fhir; writes {valid, messages}.
// Run in the folder that holds node_modules.
"use strict";
const peer = require("node:module").createRequire(`${process.cwd()}/`);
const { Fhir } = peer("fhir");
const resource = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(new Fhir().validate(resource, { errorOnUnexpected: true })));

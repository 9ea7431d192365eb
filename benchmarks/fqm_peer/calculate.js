// node calculate.js ELM NDJSON_FOLDER PATIENTS START END -> JSON: episodes with their populations, and what it cost.
// Reading the files is not in the time; making and evaluating the patients' bundles' resources by fqm-execution is.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const { Calculator } = createRequire(`${process.cwd()}/`)("fqm-execution");

const [elm, folder, many, start, end] = process.argv.slice(2);
const CODES = {
  "initial-population": "Initial Population",
  denominator: "Denominator",
  "denominator-exclusion": "Denominator Exclusions",
  numerator: "Numerator",
};
const system = "http://terminology.hl7.org/CodeSystem/measure-population";

function measureBundle() {
  const library = {
    resourceType: "Library", id: "RecommendationPresent", url: "http://example.org/Library/RecommendationPresent",
    version: "1.0.0", name: "RecommendationPresent", status: "active", type: { text: "logic-library" },
    content: [{ contentType: "application/elm+json", data: fs.readFileSync(elm).toString("base64") }],
  };
  const population = Object.entries(CODES).map(([code, expression]) => (
    { id: code, code: { coding: [{ system, code }] }, criteria: { language: "text/cql-identifier", expression } }));
  const basis = { url: "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-populationBasis",
    valueCode: "DiagnosticReport" };
  const measure = {
    resourceType: "Measure", id: "recommendation-present", url: "http://example.org/Measure/recommendation-present",
    version: "1", status: "active", extension: [basis], library: [library.url],
    scoring: { coding: [{ system: "http://terminology.hl7.org/CodeSystem/measure-scoring", code: "proportion" }] },
    group: [{ id: "all", extension: [basis], population }],
  };
  return { resourceType: "Bundle", type: "collection", entry: [{ resource: measure }, { resource: library }] };
}

function patientBundles() {
  const bundles = new Map();
  const files = fs.readdirSync(folder).filter((name) => name.endsWith(".ndjson")).sort();
  const lines = (name) => fs.readFileSync(path.join(folder, name), "utf8").split("\n").filter(Boolean).map(JSON.parse);
  for (const patient of lines("Patient.ndjson").slice(0, Number(many)))
    bundles.set(patient.id, { resourceType: "Bundle", type: "collection", entry: [{ resource: patient }] });
  for (const name of files.filter((one) => one !== "Patient.ndjson"))
    for (const resource of lines(name))
      bundles.get(resource.subject.reference.split("/")[1])?.entry.push({ resource });
  return [...bundles.values()];
}

const seconds = () => { const used = process.cpuUsage(); return (used.user + used.system) / 1e6; };

async function main() {
  const bundles = patientBundles();
  const before = seconds();
  const { results } = await Calculator.calculate(measureBundle(), bundles, {
    measurementPeriodStart: start, measurementPeriodEnd: end, calculateHTML: false, calculateSDEs: false,
    verboseCalculationResults: false, trustMetaProfile: false, calculateClauseCoverage: false,
  });
  const cpu_s = seconds() - before;
  const episodes = results.flatMap((one) => one.detailedResults[0].episodeResults.map((episode) => [
    one.patientId, episode.episodeId,
    episode.populationResults.filter((p) => p.result).map((p) => p.populationType),
  ]));
  const peak_mb = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(JSON.stringify({ patients: bundles.length, cpu_s, peak_mb, episodes }));
}

main().catch((error) => { process.stderr.write(`${error.stack}\n`); process.exit(1); });

// Runs a DMN model in imicros-feel-interpreter. Reads {xml, cases: [{exam: inputs, findings: [inputs]}], category,
// leading, finding: decisions, exam: decisions} as JSON from standard input; writes, for each case, {exam: {decision:
// result}, findings: [{decision: result}]}.
// The engine cannot call a decision service for each item of a list, so each finding is decided first, then the exam.
// Run in the folder that holds node_modules.
"use strict";
const peer = require("node:module").createRequire(`${process.cwd()}/`);
const { Decision } = peer("imicros-feel-interpreter");

const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const engine = new Decision();
engine.parse({ xml: asked.xml });

// All results of one evaluation: the engine's own answer is only the last decision's, its log has them all.
function results(inputs) {
  const found = {};
  for (const entry of engine.analyse(inputs).log) {
    if (entry.type === "Decisiontable") found[entry.name] = entry.output[entry.name] ?? null;
    if (entry.type === "Return") found[entry.name] = entry.value ?? null;
  }
  return found;
}

const chosen = (all, names) => Object.fromEntries(names.map((name) => [name, all[name] ?? null]));

function decide(item) {
  const findings = item.findings.map((finding) => results({ ...item.exam, ...finding }));
  const said = findings.map((all) => ({
    finding_category: all[asked.category] ?? "unknown",
    ...Object.fromEntries(Object.entries(asked.leading).map(([name, table]) => [name, all[table] ?? "unknown"])),
  }));
  const exam = results({ ...item.exam, findings: said });
  return { exam: chosen(exam, asked.exam), findings: findings.map((all) => chosen(all, asked.finding)) };
}

process.stdout.write(JSON.stringify(asked.cases.map(decide)));

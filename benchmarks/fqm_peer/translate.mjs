// CQL on standard input -> ELM as JSON on standard output; what the translator complains of, on standard error.
// The FHIR model is the one that cql-exec-fhir brings along.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const here = createRequire(pathToFileURL(`${process.cwd()}/`));
const cql = await import(pathToFileURL(`${process.cwd()}/node_modules/@cqframework/cql/cql-to-elm.mjs`).href);
const model = readFileSync(here.resolve("cql-exec-fhir/lib/modelInfos/fhir-modelinfo-4.0.1.xml"), "utf8");

const models = new cql.ModelManager();
const { SystemModelInfoProvider } = await import(pathToFileURL(`${process.cwd()}/node_modules/@cqframework/cql/cql.mjs`).href);
models.modelInfoLoader.registerModelInfoProvider(new SystemModelInfoProvider());
models.modelInfoLoader.registerModelInfoProvider(
  cql.createModelInfoProvider((name) => (name === "FHIR" ? cql.stringAsSource(model) : null)),
);
const translator = cql.CqlTranslator.fromText(readFileSync(0, "utf8"), new cql.LibraryManager(models));
const errors = translator.errors.asJsReadonlyArrayView();
for (const error of errors) process.stderr.write(`${error.message}\n`);
if (errors.length) process.exit(1);
process.stdout.write(translator.toJson());

// A small EHR that calls CDS services as the HL7 sandbox does: written from CDS Hooks 2.0 and from what is known of
// the sandbox (a token on discovery too; system actions looked for below `extension`; a Bundle of drafts without a
// type; intent "plan"). It knows nothing of the service but its address.

const setup = await (await fetch("/setup")).json(); // where the service, the FHIR server and the patient are
const find = (id) => document.getElementById(id);
const services = new Map(); // hook -> service
const drafts = new Map(); // id -> ServiceRequest
let sign = null; // claims -> token
let called = null; // the call whose cards are shown

// ---- tokens: ES384, the private key never leaves the browser ---------------------------------------------------------

const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const encodeJson = (value) => encode(new TextEncoder().encode(JSON.stringify(value)));

async function newKey() {
  const algorithm = { name: "ECDSA", namedCurve: "P-384" };
  const pair = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
  const jwk = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const kid = crypto.randomUUID();
  await fetch("/keys", { method: "POST", body: JSON.stringify({ ...jwk, kid, use: "sig", alg: "ES384" }) });
  return async (claims) => {
    const header = { alg: "ES384", typ: "JWT", kid, jku: `${location.origin}/.well-known/jwks.json` };
    const text = `${encodeJson(header)}.${encodeJson(claims)}`;
    const hashed = { name: "ECDSA", hash: "SHA-384" };
    return `${text}.${encode(await crypto.subtle.sign(hashed, pair.privateKey, new TextEncoder().encode(text)))}`;
  };
}

async function token(url) {
  const now = Math.floor(Date.now() / 1000);
  return sign({ iss: setup.iss, aud: url, exp: now + 300, iat: now, jti: crypto.randomUUID() });
}

async function ask(url, body) {
  const headers = { Authorization: `Bearer ${await token(url)}` };
  if (body === undefined) return fetch(url, { headers });
  headers["Content-Type"] = "application/json";
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

// ---- the FHIR server: reads by GET, searches by GET or, with codes in them, by POST -----------------------------------

async function fhir(query) {
  const [path, parameters] = query.split("?");
  const headers = { Accept: "application/fhir+json" };
  const long = parameters !== undefined && parameters.includes("code=");
  const answer = long
    ? await fetch(`${setup.fhir}/${path}/_search`, { method: "POST", headers, body: new URLSearchParams(parameters) })
    : await fetch(`${setup.fhir}/${query}`, { headers });
  return answer.ok ? answer.json() : null;
}

async function prefetch(service) {
  const filled = {};
  for (const [key, template] of Object.entries(service.prefetch ?? {})) {
    if (setup.withheld.includes(key)) continue; // left to the service, which may ask the FHIR server itself
    filled[key] = await fhir(template.replaceAll("{{context.patientId}}", setup.patient));
  }
  return filled;
}

// ---- calls ----------------------------------------------------------------------------------------------------------

async function discover() {
  const answer = await ask(`${setup.cds}/cds-services`);
  if (!answer.ok) throw new Error(`discovery was refused: ${answer.status}`);
  for (const service of (await answer.json()).services) {
    services.set(service.hook, service);
    add(find("services"), "li", `${service.hook}: ${service.title}`);
  }
}

async function call(hook, context) {
  Object.assign(setup, await (await fetch("/setup")).json());
  const service = services.get(hook);
  say(`calling ${hook}`);
  const body = {
    hook,
    hookInstance: crypto.randomUUID(),
    fhirServer: setup.fhir,
    context: { userId: "Practitioner/example", patientId: setup.patient, ...context },
    prefetch: await prefetch(service),
  };
  const answer = await ask(`${setup.cds}/cds-services/${service.id}`, body);
  const said = await answer.json();
  if (!answer.ok) {
    find("cards").replaceChildren();
    add(find("cards"), "p", `${answer.status}: ${(said.issue ?? []).map((i) => i.diagnostics ?? i.code).join("; ")}`, "refusal");
    say(`${hook} was refused: ${answer.status}`);
    return;
  }
  called = { service, said };
  apply(said.extension?.systemActions ?? []);
  await show(said.cards);
  document.body.dataset.answers = Number(document.body.dataset.answers ?? 0) + 1;
  say(`${hook} was answered`);
}

// ---- orders ---------------------------------------------------------------------------------------------------------

function draft() {
  const study = setup.studies[find("study").value];
  const reason = setup.reasons[find("reason").value];
  return {
    resourceType: "ServiceRequest",
    id: "example-request-id",
    status: "draft",
    intent: "plan",
    code: { coding: [study], text: study.display },
    subject: { reference: `Patient/${setup.patient}` },
    ...(reason ? { reasonCode: [{ coding: [reason], text: reason.display }] } : {}),
  };
}

const bundle = () => ({ resourceType: "Bundle", entry: [...drafts.values()].map((resource) => ({ resource })) });

function apply(actions) {
  const order = { delete: 0, create: 1, update: 2 };
  for (const action of [...actions].sort((a, b) => order[a.type] - order[b.type])) {
    if (action.type === "delete") drafts.delete(action.resourceId.split("/")[1]);
    else if (action.type === "create") drafts.set(`new-${drafts.size + 1}`, { id: `new-${drafts.size + 1}`, ...action.resource });
    else drafts.set(action.resource.id, action.resource);
  }
  showOrders();
}

const RATING = "http://fhir.org/argonaut/Extension/pama-rating";

function showOrders() {
  find("orders").replaceChildren();
  let rating = "unknown";
  for (const one of drafts.values()) {
    const when = one.occurrencePeriod ? `, ${one.occurrencePeriod.start} to ${one.occurrencePeriod.end ?? "open"}` : "";
    add(find("orders"), "li", `${one.code?.text ?? one.code?.coding?.[0]?.display}${when}`);
    const rated = (one.extension ?? []).find((e) => e.url === RATING);
    rating = rated?.valueCodeableConcept.coding[0].code ?? rating;
  }
  find("rating").textContent = rating;
}

// ---- cards ----------------------------------------------------------------------------------------------------------

async function show(cards) {
  find("cards").replaceChildren();
  if (!cards.length) add(find("cards"), "p", "nothing to say", "none");
  for (const card of cards) find("cards").append(await drawn(card));
}

async function drawn(card) {
  const box = document.createElement("article");
  box.className = `card ${card.indicator}`;
  add(box, "h3", card.summary);
  const detail = add(box, "div", "", "detail");
  if (card.detail) detail.innerHTML = await (await fetch("/markdown", { method: "POST", body: card.detail })).text();
  add(box, "p", `Source: ${card.source.label}`, "source");
  for (const link of card.links ?? []) {
    const a = add(add(box, "p", ""), "a", link.label);
    a.href = link.url;
    a.dataset.type = link.type;
  }
  for (const suggestion of card.suggestions ?? []) {
    const button = add(box, "button", suggestion.label, "suggestion");
    if (suggestion.isRecommended) button.classList.add("recommended");
    button.onclick = () => accept(box, card, suggestion);
  }
  if (card.overrideReasons) {
    const select = add(box, "select", "", "reasons");
    for (const [i, reason] of card.overrideReasons.entries()) add(select, "option", reason.display).value = i;
    add(box, "button", "Override", "override").onclick = () => override(box, card, card.overrideReasons[select.value]);
  }
  return box;
}

async function accept(box, card, suggestion) {
  apply(suggestion.actions ?? []);
  await tell(box, { card: card.uuid, outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
}

async function override(box, card, reason) {
  await tell(box, { card: card.uuid, outcome: "overridden", overrideReason: { reason } });
}

async function tell(box, outcome) {
  const url = `${setup.cds}/cds-services/${called.service.id}/feedback`;
  const answer = await ask(url, { feedback: [{ ...outcome, outcomeTimestamp: new Date().toISOString() }] });
  add(find("told"), "li", `${outcome.outcome}: ${answer.status}`);
  for (const button of box.querySelectorAll("button")) button.disabled = true;
  add(box, "p", outcome.outcome, "done");
}

// ---- the screen -----------------------------------------------------------------------------------------------------

function add(to, tag, words, kind = "") {
  const element = document.createElement(tag);
  element.textContent = words;
  if (kind) element.className = kind;
  to.append(element);
  return element;
}

const say = (words) => { find("status").textContent = words; };

function guarded(work) {
  return async () => {
    try { await work(); } catch (error) { say(`failed: ${error.message}`); }
  };
}

function listen() {
  find("chart").onclick = guarded(() => call("patient-view", {}));
  find("study").onchange = find("reason").onchange = guarded(async () => {
    if (!find("study").value) return;
    drafts.clear();
    drafts.set("example-request-id", draft());
    showOrders();
    await call("order-select", { selections: ["ServiceRequest/example-request-id"], draftOrders: bundle() });
  });
  find("sign").onclick = guarded(() => call("order-sign", { draftOrders: bundle() }));
}

await guarded(async () => {
  listen();
  for (const [key, one] of Object.entries(setup.studies)) add(find("study"), "option", one.display).value = key;
  for (const [key, one] of Object.entries(setup.reasons)) add(find("reason"), "option", one.display).value = key;
  const capability = await fhir("metadata");
  if (capability?.fhirVersion !== "4.0.1") throw new Error("no FHIR R4 server");
  const patient = await fhir(`Patient/${setup.patient}`);
  find("patient").textContent = `${patient.name[0].given.join(" ")} ${patient.name[0].family}, born ${patient.birthDate}`;
  sign = await newKey();
  await discover();
  for (const id of ["chart", "study", "reason", "sign"]) find(id).disabled = false;
  say("ready");
})();

//! The API is what its document says: requests that are built from the OpenAPI document, and bent, get the answers that
//! it names, and never a failure of the server.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use symbolon_tests::{Server, Wire};

/// A longer body may not fit into what the system holds for a server that does not read it.
const UNREAD: usize = 32 * 1024;

/// So many requests to each address.
const REQUESTS: usize = 24;

#[tokio::test]
async fn requests_that_are_built_from_the_document_get_what_it_says_and_never_a_failure() {
    let server = Server::start();
    let token = server.activated("alice").await;
    let caller = server.caller("verify,challenge,admin");
    let document: Value = server.wire().get("/openapi.json").await.read();
    // What is deterministic fails the same way again.
    let mut runner = TestRunner::deterministic();
    let known = ["alice".to_owned(), token.serial.clone(), "verify".to_owned()];
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let body = operation.pointer("/requestBody/content/application~1json/schema");
            let body = body.map(|schema| bent(&document, schema));
            let place = address(path, operation, &known);
            for _ in 0..REQUESTS {
                let at = sample(&place, &mut runner);
                let sent = body.as_ref().map(|body| sample(body, &mut runner));
                let long = sent.as_ref().is_some_and(|sent| sent.to_string().len() > UNREAD);
                // What is refused by its head need not be read to its end, and ends its connection (RFC 9112, 9.6).
                let alone = long.then(|| caller.anew());
                let mut request = alone.as_ref().unwrap_or(&caller).request(&method.to_uppercase(), &at);
                if let Some(sent) = &sent {
                    request = request.json(sent);
                }
                let reply = match Wire::try_send(request).await {
                    Ok(reply) => reply,
                    Err(_) if long => continue,
                    Err(error) => panic!("{method} {at}: {error}"),
                };
                let what = || format!("{method} {at} with {sent:?}: {} {}", reply.status, reply.text());
                assert!(reply.status < 500, "{}", what());
                let responses = &operation["responses"];
                let named = responses.get(reply.status.to_string()).or_else(|| responses.get("default"));
                let content = named.unwrap_or_else(|| panic!("{}", what()))["content"].as_object();
                let types: Vec<&String> = content.into_iter().flat_map(Map::keys).collect();
                let plain = reply.content_type.split(';').next().unwrap_or_default();
                assert!(types.is_empty() || types.iter().any(|named| *named == plain), "{plain}: {}", what());
                if reply.status >= 400 {
                    assert_eq!(reply.json()["status"], reply.status, "{}", what());
                }
                *statuses.entry(reply.status).or_default() += 1;
            }
        }
    }
    assert!(statuses.contains_key(&200) && statuses.contains_key(&201) && statuses.contains_key(&400), "{statuses:?}");
    assert_eq!(server.admin(&["audit", "verify"])["intact"], true);
}

fn sample<T: std::fmt::Debug>(strategy: &BoxedStrategy<T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// Texts that names, codes and identifiers could be, and such as nobody expects.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z0-9-]{1,12}",
        "[0-9]{5}-?[0-9]{5}",
        "[0-9]{6,8}",
        "\\PC{0,40}",
        Just(String::new()),
        Just("\u{202e}\u{0}\n%00../".to_owned()),
        "[A-Za-z0-9_-]{22,43}",
        Just("a".repeat(70_000)),
    ]
    .boxed()
}

fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let nested = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    nested.boxed()
}

/// What the schema takes, or now and then anything.
fn bent(document: &Value, schema: &Value) -> BoxedStrategy<Value> {
    prop_oneof![6 => fitting(document, schema, 0), 1 => anything()].boxed()
}

fn fitting(document: &Value, schema: &Value, depth: u32) -> BoxedStrategy<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        return fitting(document, document.pointer(reference.trim_start_matches('#')).unwrap(), depth);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[several].as_array() {
            let choices: Vec<_> = choices.iter().map(|choice| fitting(document, choice, depth)).collect();
            return proptest::strategy::Union::new(choices).boxed();
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return proptest::sample::select(values.clone()).boxed();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("object") if depth < 6 && schema["properties"].is_object() => object(document, schema, depth),
        Some("array") if depth < 6 => {
            let item = fitting(document, &schema["items"], depth + 1);
            proptest::collection::vec(item, 0..3).prop_map(Value::from).boxed()
        }
        Some("string") => match &schema["example"] {
            Value::Null => text().prop_map(Value::from).boxed(),
            example => prop_oneof![Just(example.clone()), text().prop_map(Value::from)].boxed(),
        },
        Some("integer") => prop_oneof![0..100_i64, any::<i64>()].prop_map(Value::from).boxed(),
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        _ => anything(),
    }
}

fn object(document: &Value, schema: &Value, depth: u32) -> BoxedStrategy<Value> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = schema["properties"].as_object().unwrap().iter().map(|(name, schema)| {
        let share = if required.contains(&name.as_str()) { 0.97 } else { 0.5 };
        let value = prop_oneof![12 => fitting(document, schema, depth + 1), 1 => anything()];
        let name = name.clone();
        proptest::option::weighted(share, value).prop_map(move |value| value.map(|value| (name.clone(), value)))
    });
    let fields: Vec<_> = fields.collect();
    (fields, proptest::bool::weighted(0.05))
        .prop_map(|(fields, unknown)| {
            let unknown = unknown.then(|| ("unknown".to_owned(), json!(1)));
            Value::Object(fields.into_iter().flatten().chain(unknown).collect())
        })
        .boxed()
}

/// The address with something in the place of each parameter, and now and then a question.
fn address(path: &str, operation: &Value, known: &[String]) -> BoxedStrategy<String> {
    let names: Vec<String> = operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
        .collect();
    let part = prop_oneof![3 => proptest::sample::select(known.to_vec()), 1 => text()];
    let parts = proptest::collection::vec(part, path.matches('{').count());
    // A long wait would only make the test long.
    let value = prop_oneof![Just("0".to_owned()), "[0-9]{20}", "\\PC{0,10}"];
    let query = proptest::collection::vec(proptest::option::weighted(0.3, value), names.len());
    let path = path.to_owned();
    (parts, query)
        .prop_map(move |(parts, query)| {
            let mut parts = parts.into_iter();
            let filled: Vec<String> = path
                .split('/')
                .map(|piece| if piece.starts_with('{') { escaped(&parts.next().unwrap()) } else { piece.to_owned() })
                .collect();
            let query: Vec<String> = names
                .iter()
                .zip(query)
                .filter_map(|(name, value)| value.map(|value| format!("{name}={}", escaped(&value))))
                .collect();
            format!("{}?{}", filled.join("/"), query.join("&"))
        })
        .boxed()
}

fn escaped(text: &str) -> String {
    text.bytes().take(2000).map(|byte| format!("%{byte:02X}")).collect()
}

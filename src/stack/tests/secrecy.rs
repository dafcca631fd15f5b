//! What goes into a function as a secret shows in nothing that comes out of it.
//!
//! Each call is evaluated with two secrets. Whoever sees only what is shown of the results must not be
//! able to tell them apart, while the results themselves differ.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::program::{Known, Program};
use crate::engine::value::{Map, Shown, Value};
use crate::stack::testing::{Cloud, Desk, catalog, shown};
use crate::stack::{NoDataKeys, Stacks, functions, load_beside};

/// Stacks whose one output is their name.
struct Named;

impl Stacks for Named {
    fn outputs(&self, stack: &str) -> Result<Option<Map>, String> {
        Ok(Some(Map::from_iter([("name".to_owned(), Value::from(stack))])))
    }
}

/// A call with `${s}`, the type of `s`, and two values of it.
struct Sample {
    function: &'static str,
    argument: &'static str,
    ty: &'static str,
    values: [&'static str; 2],
}

const fn text(function: &'static str, argument: &'static str) -> Sample {
    Sample { function, argument, ty: "string", values: ["canary-one", "kanari-two"] }
}

const fn of(function: &'static str, argument: &'static str, ty: &'static str, values: [&'static str; 2]) -> Sample {
    Sample { function, argument, ty, values }
}

const NUMBERS: [&str; 2] = ["47110815", "81504711"];
const BITS: [&str; 2] = ["true", "false"];
const LISTS: [&str; 2] = [r#"["canary-one"]"#, r#"["kanari-two","b"]"#];
const MAPS: [&str; 2] = [r#"{"canary-one":"a"}"#, r#"{"kanari-two":"b"}"#];
const RANGES: [&str; 2] = ["10.47.0.0/16", "10.48.0.0/17"];
const FILES: [&str; 2] = ["canary-one.txt", "kanari-two.txt"];

const SAMPLES: &[Sample] = &[
    text("join", r#"[",", [a, "${s}"]]"#),
    text("split", r#"["-", "${s}"]"#),
    text("split", r#"["${s}", "a canary-one b kanari-two"]"#),
    text("replace", r#"["${s}", a, b]"#),
    text("replace", r#"[banana, a, "${s}"]"#),
    text("substring", r#"["${s}", 0, 3]"#),
    text("format", r#"["%s!", "${s}"]"#),
    text("lower", r#""${s}""#),
    text("upper", r#""${s}""#),
    text("trim", r#"" ${s} ""#),
    text("trimPrefix", r#"["${s}", c]"#),
    text("trimSuffix", r#"["${s}", e]"#),
    text("startsWith", r#"["${s}", c]"#),
    text("endsWith", r#"["${s}", e]"#),
    text("sha1", r#""${s}""#),
    text("sha256", r#""${s}""#),
    text("toJSON", r#"{a: [{b: "${s}"}]}"#),
    of("fromJSON", r#""${s}""#, "string", MAPS),
    text("toBase64", r#""${s}""#),
    of("fromBase64", r#""${s}""#, "string", ["Y2FuYXJ5", "a2FuYXJp"]),
    of("add", r#"["${s}", 1]"#, "integer", NUMBERS),
    of("sub", r#"["${s}", 1]"#, "integer", NUMBERS),
    of("mul", r#"["${s}", 2]"#, "integer", NUMBERS),
    of("div", r#"["${s}", 2]"#, "integer", NUMBERS),
    of("mod", r#"["${s}", 1000]"#, "integer", NUMBERS),
    of("min", r#"["${s}", 99999999]"#, "integer", NUMBERS),
    of("max", r#"["${s}", 1]"#, "integer", NUMBERS),
    of("cidrSubnet", r#"["${s}", 4, 1]"#, "string", RANGES),
    of("cidrHost", r#"["${s}", 5]"#, "string", RANGES),
    of("cidrNetmask", r#""${s}""#, "string", RANGES),
    text("select", r#"[0, ["${s}", b]]"#),
    of("select", r#"["${s}", [a, b]]"#, "integer", ["0", "1"]),
    of("length", r#""${s}""#, "list", LISTS),
    of("length", r#""${s}""#, "string", ["canary", "canaries"]),
    text("concat", r#"[[a], ["${s}"]]"#),
    of("concat", r#"[[a], "${s}"]"#, "list", LISTS),
    text("flatten", r#"[[a, ["${s}"]]]"#),
    of("flatten", r#"[[a, "${s}"]]"#, "list", LISTS),
    text("merge", r#"[{a: 1}, {b: "${s}"}]"#),
    of("merge", r#"[{a: 1}, "${s}"]"#, "object", MAPS),
    of("keys", r#""${s}""#, "object", MAPS),
    of("values", r#""${s}""#, "object", MAPS),
    text("values", r#"{a: "${s}"}"#),
    text("lookup", r#"[{a: "${s}"}, a]"#),
    text("lookup", r#"[{canary-one: 1, kanari-two: 2}, "${s}"]"#),
    text("lookup", r#"[{a: 1}, b, "${s}"]"#),
    text("zip", r#"[[a], ["${s}"]]"#),
    text("zip", r#"[["${s}"], [a]]"#),
    text("reverse", r#"[a, "${s}"]"#),
    of("reverse", r#""${s}""#, "list", LISTS),
    of("range", r#"[0, "${s}"]"#, "integer", ["3", "5"]),
    text("sort", r#"[b, "${s}"]"#),
    text("distinct", r#"[b, "${s}", kanari-two]"#),
    text("contains", r#"[[canary-one], "${s}"]"#),
    of("contains", r#"["${s}", b]"#, "list", LISTS),
    text("singleOrNone", r#"["${s}"]"#),
    of("if", r#"["${s}", a, b]"#, "boolean", BITS),
    of("if", r#"["${s}", a, b]"#, "string", BITS),
    text("if", r#"[true, "${s}", b]"#),
    of("and", r#"["${s}", true]"#, "boolean", BITS),
    of("and", r#"[true, "${s}"]"#, "string", BITS),
    of("or", r#"[false, "${s}"]"#, "boolean", BITS),
    of("or", r#"["${s}", false]"#, "string", BITS),
    of("not", r#""${s}""#, "boolean", BITS),
    text("equals", r#"["${s}", canary-one]"#),
    text("coalesce", r#"["${s}", b]"#),
    text("secret", r#""${s}""#),
    text("env", r#""${s}""#),
    text("env", r#"[NOTHING, "${s}"]"#),
    of("readFile", r#""${s}""#, "string", FILES),
    of("filebase64", r#""${s}""#, "string", FILES),
    of("filebase64sha256", r#""${s}""#, "string", FILES),
    text("stringAsset", r#""${s}""#),
    of("fileAsset", r#""${s}""#, "string", FILES),
    of("remoteAsset", r#""file://${pulumi.cwd}/${s}""#, "string", FILES),
    of("fileArchive", r#""${s}""#, "string", FILES),
    of("remoteArchive", r#""file://${pulumi.cwd}/${s}""#, "string", FILES),
    text("assetArchive", r#"{a.txt: {fn::stringAsset: "${s}"}}"#),
    text("stackReference", r#"["${s}", name]"#),
];

/// Functions that give no part of what they are given, or are there to show it.
const OTHERS: [&str; 4] = ["unsecret", "pulumiResourceName", "pulumiResourceType", "invoke"];

fn program(function: &str, argument: &str, ty: &str) -> Desk {
    let text = format!(
        "config:\n  s: {{type: {ty}, secret: true}}\noutputs:\n  out:\n    fn::{function}: {argument}\n  after: \"${{s}}\"\n"
    );
    let files = [("stacks/test.yaml", text.as_str()), ("stacks/canary-one.txt", "1"), ("stacks/kanari-two.txt", "2")];
    Desk::files(&files).env("canary-one", "1").env("kanari-two", "2")
}

/// What is shown of the result, and the result; or what is told instead.
fn evaluated(desk: &Desk, secret: &str) -> (String, Option<Value>) {
    let mut request = desk.request.clone();
    request.config.push(("s".to_owned(), secret.to_owned()));
    let loaded = match load_beside(&request, &catalog(), Arc::new(Named), &NoDataKeys) {
        Ok(loaded) => loaded,
        Err(problems) => return (shown(&problems), None),
    };
    match futures::executor::block_on(loaded.program.outputs(&Known::new(), &Cloud::new())) {
        Ok(outputs) => {
            let told = format!("{}\n{}", Shown::of(&Value::Map(outputs.clone())), shown(&loaded.warnings));
            (told, outputs.get("out").cloned())
        }
        Err(problems) => (shown(&problems), None),
    }
}

#[test]
fn no_function_shows_what_it_was_given_as_a_secret() {
    for Sample { function, argument, ty, values } in SAMPLES {
        let desk = program(function, argument, ty);
        let [(one, first), (two, second)] = values.map(|value| evaluated(&desk, value));
        assert_eq!(one, two, "fn::{function}: {argument}");
        let (Some(first), Some(second)) = (first, second) else { panic!("fn::{function}: {argument} fails:\n{one}") };
        assert_ne!(first.to_json(), second.to_json(), "fn::{function}: {argument} does not depend on the secret");
    }
}

#[test]
fn no_function_says_what_it_was_given_as_a_secret_when_it_fails() {
    const SHAPES: [&str; 7] = [
        r#""${s}""#,
        r#"["${s}"]"#,
        r#"["${s}", "${s}"]"#,
        r#"["${s}", "${s}", "${s}"]"#,
        r#"{a: "${s}"}"#,
        r#"[{a: "${s}"}, "${s}"]"#,
        r#"[["${s}"], 5]"#,
    ];
    for function in functions::names().filter(|name| *name != "unsecret") {
        for argument in SHAPES {
            let desk = program(function, argument, "string");
            let told = ["canary-one", "kanari-two"].map(|value| evaluated(&desk, value).0);
            let dir = desk.dir.path().display().to_string();
            assert_eq!(told[0].replace(&dir, ""), told[1].replace(&dir, ""), "fn::{function}: {argument}");
            assert!(!told[0].contains("canary-one"), "fn::{function}: {argument}\n{}", told[0]);
        }
    }
}

#[test]
fn every_function_has_a_sample() {
    let samples: BTreeSet<&str> = SAMPLES.iter().map(|s| s.function).chain(OTHERS).collect();
    assert_eq!(samples, functions::names().collect::<BTreeSet<_>>());
}

#[test]
fn a_secret_in_a_longer_text_is_known_by_itself() {
    let text = r#"
config:
  s: {type: string, secret: true}
resources:
  a:
    type: aws:lambda:Function
    properties:
      code: {fn::stringAsset: x}
      role: r
      environment:
        URL: postgres://admin:${s}@db
        JSON: {fn::toJSON: {password: "${s}"}}
"#;
    let loaded = Desk::of(text).config("s", "canary-one").good();
    let urn = &loaded.program.declarations()[0].urn;
    futures::executor::block_on(loaded.program.inputs(urn, &Known::new(), &Cloud::new())).unwrap();
    let secrets = loaded.program.secrets();
    assert_eq!(secrets.text("the value canary-one is too short"), "the value [secret] is too short");
}

/// The excerpts of everything that is told of a wrong program.
fn excerpts(text: &str) -> String {
    let problems = Desk::of(text).load().err().unwrap();
    crate::render::diagnostics::Diagnostics(&problems).to_string()
}

#[test]
fn an_excerpt_of_a_program_shows_no_secret_that_is_written_there() {
    let wrong = [
        "outputs:\n  a: {fn::secret: canary-one}\n  b: ${nothing}\n",
        "outputs:\n  a: {fn::secret: {x: [canary-one, \"canary-one ${nothing}\"]}}\n",
        "config:\n  a: {type: integer, secret: true, default: canary-one}\n",
        "resources:\n  a:\n    type: aws:rds:Cluster\n    properties:\n      password: canary-one\n      engineVersoin: x\n",
        "resources:\n  a:\n    type: aws:rds:Cluster\n    properties:\n      password: canary-one\n      password: canary-one\n",
        "outputs:\n  a: {fn::secret: canary-one}\n  b: [\n",
        "outputs:\n  a:\n    fn::secret: canary-one\n    b: *nothing\n",
    ];
    for text in wrong {
        let told = excerpts(text);
        assert!(told.contains('╭') && !told.contains("canary-one"), "{text}\n{told}");
    }
}

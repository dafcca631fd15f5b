//! What Pulumi's own conformance programs assert of programs without resources.

use serde_json::json;

use crate::stack::testing::{Desk, outputs};

fn value(expression: &str) -> serde_json::Value {
    let indented = expression.replace('\n', "\n    ");
    outputs(&Desk::of(&format!("outputs:\n  it:\n    {indented}\n")).good())["it"].clone()
}

#[test]
fn built_in_functions_give_what_they_say() {
    let table = [
        (r#"fn::toBase64: hello world"#, json!("aGVsbG8gd29ybGQ=")),
        (r#"fn::fromBase64: aGVsbG8gd29ybGQ="#, json!("hello world")),
        (r#"fn::join: ["-", [a, 1, true]]"#, json!("a-1-true")),
        (r#"fn::split: [",", "a,b"]"#, json!(["a", "b"])),
        (r#"fn::select: [1, [a, b]]"#, json!("b")),
        (r#"fn::toJSON: {b: [1, null], a: "<&>"}"#, json!(r#"{"a":"\u003c\u0026\u003e","b":[1,null]}"#)),
        (r#"fn::fromJSON: '{"a": [1, 2.5]}'"#, json!({"a": [1, 2.5]})),
        (r#"fn::length: "👨‍👩‍👧‍👦-family-👶""#, json!(10)),
        (r#"fn::length: [a, b, c]"#, json!(3)),
        (r#"fn::length: {a: 1}"#, json!(1)),
        (r#"fn::sha1: abc"#, json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        (r#"fn::sha256: abc"#, json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        (r#"fn::singleOrNone: [a]"#, json!("a")),
        (r#"fn::cidrSubnet: [10.0.0.0/16, 8, 255]"#, json!("10.0.255.0/24")),
        (r#"fn::cidrSubnet: ["2001:db8::/32", 32, 1]"#, json!("2001:db8:0:1::/64")),
        (r#"fn::cidrHost: [10.0.0.0/16, 5]"#, json!("10.0.0.5")),
        (r#"fn::cidrHost: [10.0.0.0/16, -2]"#, json!("10.0.255.254")),
        (r#"fn::cidrNetmask: 10.0.0.0/20"#, json!("255.255.240.0")),
        (r#"fn::concat: [[a], [b, c], []]"#, json!(["a", "b", "c"])),
        (r#"fn::flatten: [[a, [b]], c]"#, json!(["a", "b", "c"])),
        (r#"fn::merge: [{a: 1, b: 1}, {b: 2}]"#, json!({"a": 1, "b": 2})),
        (r#"fn::keys: {b: 1, a: 2}"#, json!(["b", "a"])),
        (r#"fn::values: {b: 1, a: 2}"#, json!([1, 2])),
        (r#"fn::lookup: [{a: 1}, a]"#, json!(1)),
        (r#"fn::lookup: [{a: 1}, b, 7]"#, json!(7)),
        (r#"fn::zip: [[a, b], [1, 2]]"#, json!({"a": 1, "b": 2})),
        (r#"fn::reverse: [1, 2]"#, json!([2, 1])),
        (r#"fn::range: 3"#, json!([0, 1, 2])),
        (r#"fn::range: [1, 6, 2]"#, json!([1, 3, 5])),
        (r#"fn::range: [2, 0, -1]"#, json!([2, 1])),
        (r#"fn::sort: [b, a, c]"#, json!(["a", "b", "c"])),
        (r#"fn::sort: [10, 9, 100]"#, json!([9, 10, 100])),
        (r#"fn::distinct: [a, b, a]"#, json!(["a", "b"])),
        (r#"fn::distinct: [1, 1.0, "1", {a: 2.0}, {a: 2}, 1.5]"#, json!([1, "1", {"a": 2.0}, 1.5])),
        (r#"fn::contains: [[a, b], b]"#, json!(true)),
        (r#"fn::contains: [[1.0], 1]"#, json!(true)),
        (r#"fn::lower: ABC"#, json!("abc")),
        (r#"fn::upper: abc"#, json!("ABC")),
        (r#"fn::replace: [a.b.c, ".", "-"]"#, json!("a-b-c")),
        (r#"fn::substring: [abcdef, 1, 3]"#, json!("bcd")),
        (r#"fn::format: ["%s-%03d-%x%%", db, 7, 255]"#, json!("db-007-ff%")),
        (r#"fn::trim: "  a ""#, json!("a")),
        (r#"fn::trimPrefix: [arn:x, "arn:"]"#, json!("x")),
        (r#"fn::if: [true, a, {"fn::select": [9, []]}]"#, json!("a")),
        (r#"fn::equals: [1, 1.0]"#, json!(true)),
        (r#"fn::equals: [{a: [1]}, {a: [1.0]}]"#, json!(true)),
        (r#"fn::equals: [1, "1"]"#, json!(false)),
        (r#"fn::not: false"#, json!(true)),
        (r#"fn::and: [true, false, {"fn::not": nonsense}]"#, json!(false)),
        (r#"fn::or: [false, true]"#, json!(true)),
        (r#"fn::coalesce: [null, b]"#, json!("b")),
        (r#"fn::add: [1, 2, 3]"#, json!(6)),
        (r#"fn::sub: [1, 2.5]"#, json!(-1.5)),
        (r#"fn::mul: [3, "4"]"#, json!(12)),
        (r#"fn::div: [7, 2]"#, json!(3.5)),
        (r#"fn::div: [8, 2]"#, json!(4)),
        (r#"fn::mod: [-1, 3]"#, json!(2)),
        (r#"fn::min: [3, 1, 2]"#, json!(1)),
        (r#"fn::max: [3, 1.5]"#, json!(3)),
        (r#"fn::env: [NOT_THERE, fallback]"#, json!("fallback")),
        (r#"fn::env: AWS_REGION"#, json!("us-east-1")),
        (r#"fn::unsecret: {"fn::secret": a}"#, json!("a")),
    ];
    for (expression, wanted) in table {
        assert_eq!(value(expression), wanted, "{expression}");
    }
}

#[test]
fn secrecy_passes_through_every_function() {
    let secret = |v: serde_json::Value| json!({ "secret": v });
    let table = [
        (r#"fn::toJSON: {a: {"fn::secret": 1}}"#, secret(json!(r#"{"a":1}"#))),
        (r#"fn::join: ["", [a, {"fn::secret": b}]]"#, secret(json!("ab"))),
        (r#"fn::concat: [{"fn::secret": [a]}, [b]]"#, secret(json!(["a", "b"]))),
        (r#"fn::flatten: [[{"fn::secret": a}], b]"#, json!([secret(json!("a")), "b"])),
        (r#"fn::select: [0, [{"fn::secret": a}, b]]"#, secret(json!("a"))),
        (r#"fn::select: [1, [{"fn::secret": a}, b]]"#, json!("b")),
        (r#"fn::if: [{"fn::secret": true}, a, b]"#, secret(json!("a"))),
        (r#"fn::equals: [{"fn::secret": a}, a]"#, secret(json!(true))),
    ];
    for (expression, wanted) in table {
        assert_eq!(value(expression), wanted, "{expression}");
    }
}

#[test]
fn scalars_are_what_the_language_says_and_not_what_old_yaml_says() {
    let loaded = Desk::of(
        r"
outputs:
  yes: [yes, no, on, off, y]
  bools: [true, false]
  date: 2012-10-17
  account: 012345678901
  big: 9007199254740993
  huge: 18446744073709551615
  float: 1.5e3
  small: 4.9406564584124654e-324
  large: 1.7976931348623157e+308
  hex: 0x1F
  version: v1.2.3
  nothing: null
  list: [1, null]
  inner: {a: null, b: 1}
  time: 12:30
",
    )
    .good();
    let small = f64::from_bits(1);
    assert_eq!(
        outputs(&loaded),
        json!({
            "yes": ["yes", "no", "on", "off", "y"],
            "bools": [true, false],
            "date": "2012-10-17",
            "account": "012345678901",
            "big": 9007199254740993_i64,
            "huge": u64::MAX,
            "float": 1500.0,
            "small": small,
            "large": f64::MAX,
            "hex": 31,
            "version": "v1.2.3",
            "list": [1, null],
            "inner": {"b": 1},
            "time": "12:30",
        })
    );
}

#[test]
fn keys_of_maps_may_hold_anything_and_are_not_interpolated() {
    let loaded = Desk::of(
        r#"
variables:
  m:
    "": empty
    a.b: dot
    'q"q': quote
    "back\\slash": back
    __type: type
    ${x}: dollar
outputs:
  all: ${m}
  dot: ${m["a.b"]}
  quote: ${m["q\"q"]}
  empty: ${m[""]}
"#,
    )
    .good();
    let all =
        json!({"": "empty", "a.b": "dot", "q\"q": "quote", "back\\slash": "back", "__type": "type", "${x}": "dollar"});
    assert_eq!(outputs(&loaded), json!({"all": all, "dot": "dot", "quote": "quote", "empty": "empty"}));
}

#[test]
fn interpolation_keeps_types_alone_and_makes_text_together() {
    let loaded = Desk::of(
        r#"
variables:
  n: 1000000
  f: 0.5
  list: [a, {k: v}]
  hidden: {"fn::secret": s}
outputs:
  alone: ${n}
  text: "n=${n} f=${f}"
  item: ${list[1].k}
  literal: "$${n} costs $5, $(date), $$x and $inputRoot"
  joined: "a${hidden}"
  missing: ${list[1].nothing}
  root: ${["n"]}
  splat: ${list[*]}
"#,
    )
    .good();
    assert_eq!(
        outputs(&loaded),
        json!({
            "alone": 1_000_000,
            "text": "n=1000000 f=0.5",
            "item": "v",
            "literal": "${n} costs $5, $(date), $x and $inputRoot",
            "joined": {"secret": "as"},
            "root": 1_000_000,
            "splat": ["a", {"k": "v"}],
        })
    );
}

#[test]
fn files_are_read_from_where_the_text_stands() {
    let desk = Desk::files(&[
        (
            "stacks/test.yaml",
            r"
variables: {}
components: {part: components/part.yaml}
resources:
  p: {type: part}
outputs:
  text: {fn::readFile: note.txt}
  base64: {fn::filebase64: note.txt}
  hash: {fn::filebase64sha256: note.txt}
  inner: ${p.text}
",
        ),
        ("stacks/note.txt", "outer"),
        ("stacks/components/part.yaml", "outputs:\n  text: {fn::readFile: note.txt}\n"),
        ("stacks/components/note.txt", "inner"),
    ]);
    assert_eq!(
        outputs(&desk.good()),
        json!({
            "text": "outer",
            "base64": "b3V0ZXI=",
            "hash": "Vg4+ErHg2voWHmL7MyetZcmLfNU4SbF8Yn6NPh1BnWo=",
            "inner": "inner",
        })
    );
}

#[test]
fn the_main_directory_changes_cwd_and_not_the_root() {
    let desk = Desk::files(&[
        ("Pulumi.yaml", "name: proj\nruntime: yaml\nmain: sub\n"),
        (
            "sub/Main.yaml",
            "outputs:\n  cwd: ${pulumi.cwd}\n  root: ${pulumi.rootDirectory}\n  org: ${pulumi.organization}\n",
        ),
    ])
    .stack("dev");
    let root = desk.dir.path().display().to_string();
    let loaded = desk.good();
    assert_eq!(loaded.project, "proj");
    assert_eq!(outputs(&loaded), json!({"cwd": format!("{root}/sub"), "root": root, "org": "organization"}));
}

#[test]
fn anchors_aliases_and_merge_keys_work() {
    let loaded = Desk::of(
        r"
variables:
  base: &base {a: 1, b: 2}
  more:
    <<: *base
    b: 3
outputs:
  more: ${more}
",
    )
    .good();
    assert_eq!(outputs(&loaded), json!({"more": {"b": 3, "a": 1}}));
}

#[test]
fn keywords_in_other_capitals_work_with_a_warning() {
    let desk = Desk::of(
        r#"
Variables:
  zones:
    Fn::Invoke:
      Function: aws:getAvailabilityZones
      Arguments: {state: available}
      Return: names
outputs:
  first: ${zones[0]}
"#,
    );
    assert_eq!(outputs(&desk.good()), json!({"first": "us-east-1a"}));
    insta::assert_snapshot!(desk.wrong());
}

#[test]
fn line_ends_of_other_systems_and_byte_order_marks_change_nothing() {
    let loaded = Desk::of("\u{feff}outputs:\r\n  ä: \"x\"\r\n  b: ${pulumi.stack}\r\n").good();
    assert_eq!(outputs(&loaded), json!({"ä": "x", "b": "test"}));
    let wrong = Desk::of("\u{feff}outputs:\r\n  ä: ${nope}\r\n").wrong();
    assert!(wrong.starts_with("stacks/test.yaml:2:8 error[unknown-name]"), "{wrong}");
}

#[test]
fn json_is_a_program_too() {
    let desk = Desk::files(&[
        ("Pulumi.yaml", "name: proj\nruntime: yaml\n"),
        ("Main.json", r#"{"outputs": {"a": {"fn::join": ["-", ["b", "${pulumi.stack}"]]}}}"#),
    ])
    .stack("dev");
    assert_eq!(outputs(&desk.good()), json!({"a": "b-dev"}));
}

#[test]
fn mistakes_in_a_base_are_shown_in_the_base() {
    let desk = Desk::files(&[
        ("stacks/base.yaml", "resources:\n  vpc:\n    type: aws:ec2:Vpc\n    properties:\n      cidr: 1\n"),
        ("stacks/test.yaml", "extends: base.yaml\nresources:\n  vpc:\n    properties: {tag: {}}\n"),
    ]);
    insta::assert_snapshot!(desk.wrong());
}

//! What a user is told about mistakes. Each table is one snapshot: the text, then the answer.

use crate::stack::testing::Desk;

/// Loads each text as a stack of its own.
fn told(table: &[(&str, &str)]) -> String {
    let answers = table.iter().map(|(what, text)| {
        let text = text.trim_start_matches('\n');
        format!("# {what}\n{text}\n---\n{}", Desk::of(text).wrong())
    });
    answers.collect::<Vec<_>>().join("\n========\n\n")
}

#[test]
fn an_archive_has_no_entry_outside_of_it() {
    let archive =
        |name: &str| format!("outputs:\n  a:\n    fn::assetArchive:\n      '{name}': {{fn::stringAsset: x}}\n");
    for name in ["../../x", "/abs", "a/../../x", r"..\x", r"\x"] {
        let told = Desk::of(&archive(name)).wrong();
        assert!(told.contains("lies outside of the archive") && told.contains("test.yaml:4:7 "), "{name}: {told}");
    }
    for name in ["x", "a/b..c", "..x", "./x"] {
        assert!(!Desk::of(&archive(name)).wrong().contains("outside"), "{name}");
    }
}

#[test]
fn yaml() {
    let told = told(&[
        (
            "unquoted interpolation in a list",
            "resources:\n  a:\n    type: aws:ec2:Vpc\n    options: {dependsOn: [${b}]}\n",
        ),
        ("unquoted interpolation in a block list item", "outputs:\n  ids: [${sg.id}, b]\n"),
        ("unquoted interpolation in a map", "outputs:\n  m: {a: ${b}}\n"),
        ("duplicate key", "outputs:\n  a: 1\n  a: 2\n"),
        ("two documents", "outputs: {a: 1}\n---\noutputs: {b: 1}\n"),
        ("bad indentation", "outputs:\n  a: 1\n b: 2\n"),
        ("tab", "outputs:\n\ta: 1\n"),
        ("tag", "outputs:\n  a: !Ref b\n"),
        ("a list as a key", "outputs:\n  [a, b]: 1\n"),
        ("unknown alias", "outputs:\n  a: *nothing\n"),
        ("unclosed quote", "outputs:\n  a: \"b\n"),
        ("umlauts before the mistake", "# üü\noutputs:\n  ü: \"ü ${nichts}\"\n"),
        ("not a map", "- a\n"),
        ("a merge of a number", "outputs:\n  a: {<<: 5}\n"),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn interpolations() {
    let told = told(&[
        ("unterminated", "outputs:\n  a: \"x ${b\"\n"),
        ("missing quote", "outputs:\n  a: '${b[\"c]}'\n"),
        ("missing bracket", "outputs:\n  a: ${b[\"c\"}\n"),
        ("missing bracket after an index", "outputs:\n  a: ${b[0}\n"),
        ("bad index", "outputs:\n  a: ${b[-1]}\n"),
        ("empty", "outputs:\n  a: ${}\n"),
        ("empty property", "outputs:\n  a: ${b.}\n"),
        ("number as root", "outputs:\n  a: ${[0]}\n"),
        ("space", "outputs:\n  a: ${ b }\n"),
        ("unknown name", "variables:\n  network: 1\noutputs:\n  a: ${netwrok}\n"),
        ("unknown name, nothing near", "variables:\n  network: 1\noutputs:\n  a: ${x}\n"),
        ("index out of bounds", "variables: {l: [1, 2]}\noutputs:\n  a: ${l[3]}\n"),
        ("name of a list", "variables: {l: [1, 2]}\noutputs:\n  a: ${l.b}\n"),
        ("index of a map", "variables: {m: {a: 1}}\noutputs:\n  a: ${m[0]}\n"),
        ("property of a number", "variables: {n: 1}\noutputs:\n  a: ${n.x}\n"),
        ("list in a text", "variables: {l: [1, 2]}\noutputs:\n  a: \"x${l}\"\n"),
        ("map in a text", "variables: {m: {a: 1}}\noutputs:\n  a: \"x${m}\"\n"),
        ("null in a text", "variables: {m: {a: 1}}\noutputs:\n  a: \"x${m.b}\"\n"),
        ("pulumi property", "outputs:\n  a: ${pulumi.stak}\n"),
        (
            "nearly a name of the language",
            "outputs:\n  a: ${regoins.primary}\n  b: ${regio}\n  c: ${eahc.key}\n  d: ${pulum.stack}\n",
        ),
        ("in a folded text", "outputs:\n  a: >\n    one\n    two ${nothing}\n"),
        ("each outside", "outputs:\n  a: ${each.key}\n"),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn names() {
    let told = told(&[
        ("variable like a resource", "variables: {vpc: 1}\nresources:\n  vpc: {type: aws:ec2:Vpc}\n"),
        ("config like a variable", "config: {a: 1}\nvariables: {a: 2}\n"),
        ("reserved", "variables: {pulumi: 1}\n"),
        ("hides an extension", "variables: {region: x}\noutputs: {a: \"${region}\"}\n"),
        ("two of one name", "resources:\n  a: {type: aws:ec2:Vpc, name: n}\n  b: {type: aws:ec2:Vpc, name: n}\n"),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn circles() {
    let told = told(&[
        (
            "three resources",
            r#"
resources:
  a: {type: aws:ec2:Vpc, properties: {tags: {T: "${b.id}"}}}
  b: {type: aws:ec2:Vpc, properties: {tags: {T: "${c.id}"}}}
  c: {type: aws:ec2:Vpc, options: {dependsOn: ["${a}"]}}
"#,
        ),
        ("itself", "resources:\n  a: {type: aws:ec2:Vpc, properties: {tags: {T: \"${a.id}\"}}}\n"),
        ("variables", "variables:\n  a: ${b}\n  b: [\"${a}\"]\n"),
        (
            "through a variable",
            "variables:\n  v: ${a.id}\nresources:\n  a: {type: aws:ec2:Vpc, properties: {tags: {T: \"${v}\"}}}\n",
        ),
        ("each", "resources:\n  a: {type: aws:ec2:Vpc, each: \"${b}\"}\n  b: {type: aws:ec2:Vpc, each: \"${a}\"}\n"),
        (
            "each through a variable",
            "variables: {v: \"${a}\"}\nresources:\n  a: {type: aws:ec2:Vpc, each: [\"${b}\"]}\n  b: {type: aws:ec2:Vpc, each: \"${v}\"}\n",
        ),
        ("component in itself", "components:\n  c: {resources: {inner: {type: c}}}\nresources:\n  a: {type: c}\n"),
        (
            "through a component",
            r#"
components:
  c:
    inputs: {x: {type: string}}
    resources: {v: {type: aws:ec2:Vpc, properties: {tags: {T: "${x}"}}}}
    outputs: {id: "${v.id}"}
resources:
  one: {type: c, properties: {x: "${two.id}"}}
  two: {type: c, properties: {x: "${one.id}"}}
"#,
        ),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn resources() {
    let told = told(&[
        ("unknown type", "resources:\n  a: {type: aws:ec2:Vcp}\n"),
        ("unknown type, nothing near", "resources:\n  a: {type: aws:ec2:Instance}\n"),
        ("unknown service", "resources:\n  a: {type: gcp:storage:Bucket}\n"),
        ("no type", "resources:\n  a: {properties: {}}\n"),
        ("not a map", "resources:\n  a: aws:ec2:Vpc\n"),
        ("misplaced property", "resources:\n  a: {type: aws:ec2:Vpc, cidrBlock: 10.0.0.0/16}\n"),
        ("misplaced option", "resources:\n  a: {type: aws:ec2:Vpc, protect: true}\n"),
        ("misspelt key", "resources:\n  a: {type: aws:ec2:Vpc, propertys: {}}\n"),
        ("misspelt option", "resources:\n  a: {type: aws:ec2:Vpc, options: {dependOn: []}}\n"),
        ("tags beside properties", "resources:\n  a: {type: aws:ec2:Vpc, tags: {A: b}}\n"),
        ("get with properties", "resources:\n  a: {type: aws:ec2:Vpc, get: {id: x}, properties: {}}\n"),
        ("get without id", "resources:\n  a: {type: aws:ec2:Vpc, get: {}}\n"),
        (
            "provider that is none",
            "resources:\n  a: {type: aws:ec2:Vpc}\n  b: {type: aws:ec2:Vpc, options: {provider: \"${a}\"}}\n",
        ),
        ("default provider on another type", "resources:\n  a: {type: aws:ec2:Vpc, defaultProvider: true}\n"),
        (
            "protect not known",
            "resources:\n  a: {type: aws:ec2:Vpc}\n  b: {type: aws:ec2:Vpc, options: {protect: \"${a.id}\"}}\n",
        ),
        (
            "timeout",
            "resources:\n  a: {type: aws:ec2:Vpc, options: {customTimeouts: {create: 5 minutes, destroy: 1m}}}\n",
        ),
        ("alias", "resources:\n  a: {type: aws:ec2:Vpc, options: {aliases: [{nam: x}, nothing]}}\n"),
        (
            "provider input",
            "resources:\n  p: {type: \"pulumi:providers:aws\", properties: {regoin: us-east-1, assumeRole: {}}}\n",
        ),
        (
            "dependsOn without a reference",
            "resources:\n  a: {type: aws:ec2:Vpc}\n  b: {type: aws:ec2:Vpc, options: {dependsOn: [a]}}\n",
        ),
        (
            "dependsOn of a component",
            "components:\n  c: {resources: {v: {type: aws:ec2:Vpc}}}\nresources:\n  a: {type: c, each: [x, y], options: {dependsOn: [b]}}\n",
        ),
        (
            "a property that no instance has",
            "resources:\n  a: {type: aws:ec2:Vpc, each: [x, y]}\n  b: {type: aws:ec2:Vpc, properties: {tags: {T: \"${a[*].idd}\"}}}\n",
        ),
        (
            "dependsOn a number and a text",
            "variables: {n: 5, t: [b]}\nresources:\n  a: {type: aws:ec2:Vpc, options: {dependsOn: \"${n}\"}}\n  b: {type: aws:ec2:Vpc, options: {dependsOn: [\"${t}\"]}}\n",
        ),
        (
            "flags that are texts",
            "config: {p: 'true'}\nresources:\n  a: {type: aws:ec2:Vpc, options: {protect: 'true', retainOnDelete: \"${p}\"}}\n  b: {type: aws:ec2:Vpc, options: {protect: \"${p}\", retainOnDelete: maybe}}\n  c: {type: aws:ec2:Vpc, options: {protect: maybe}}\n",
        ),
        (
            "paths of no property",
            "resources:\n  a: {type: aws:ec2:Vpc, options: {ignoreChanges: [tag, 'tags[\"x\"]', '*']}}\n",
        ),
        (
            "paths that are none",
            "resources:\n  a: {type: aws:ec2:Vpc, options: {ignoreChanges: ['tags[', 'a..b', '']}}\n",
        ),
        ("names that are none", "name: a b\nresources:\n  '': {type: aws:ec2:Vpc}\n"),
        ("a name that holds a colon too many", "resources:\n  'a::b': {type: aws:ec2:Vpc}\n"),
        (
            "a region that AWS does not have",
            "regions: {primary: us-est-1}\nresources:\n  a: {type: aws:ec2:Vpc, propertys: {}}\n",
        ),
        ("state of a read resource", "resources:\n  a: {type: aws:ec2:Vpc, get: {id: x, state: {a: b}}}\n"),
        ("misspelt section", "resource:\n  a: {type: aws:ec2:Vpc}\n"),
        ("misspelt file to extend", "extend: base.yaml\nresources: {a: {type: aws:ec2:Vpc}}\n"),
        ("files to extend in another case", "Extends: base.yaml\nresources: {a: {type: aws:ec2:Vpc}}\n"),
        (
            "settings of the provider outside of the config",
            "allowedAccountIds: ['123456789012']\nprofile: prod\naws:defaultTags: {}\nregion: us-east-1\nresources: {a: {type: aws:ec2:Vpc}}\n",
        ),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn inputs() {
    let told = told(&[
        ("unknown input", "resources:\n  a:\n    type: aws:ec2:Vpc\n    properties:\n      cidrBlok: 10.0.0.0/16\n"),
        ("missing input", "resources:\n  a: {type: aws:ec2:Subnet, properties: {cidrBlock: 10.0.0.0/24}}\n"),
        (
            "several at once",
            r#"
resources:
  a:
    type: aws:ec2:SecurityGroup
    properties:
      name: [a]
      ingress:
        - {port: many, protocol: tcp}
        - {port: 70000}
        - {prot: 1, port: 1}
        - {}
"#,
        ),
        ("map for a list", "resources:\n  a: {type: aws:ec2:SecurityGroup, properties: {ingress: {port: 1}}}\n"),
        ("string for a boolean", "resources:\n  a: {type: aws:ec2:Vpc, properties: {enableDnsHostnames: yes}}\n"),
        ("fraction for an integer", "resources:\n  a: {type: aws:ec2:Vpc, properties: {retention: 1.5}}\n"),
        ("out of range", "resources:\n  a: {type: aws:ec2:Vpc, properties: {retention: 31}}\n"),
        ("form", "resources:\n  a: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0}}\n"),
        ("value that is not known", "resources:\n  a: {type: aws:ec2:Vpc, properties: {instanceTenancy: dedicatd}}\n"),
        (
            "exclusive",
            "resources:\n  a: {type: aws:rds:Cluster, properties: {engineVersion: a, password: p, managePassword: true}}\n",
        ),
        ("text for an archive", "resources:\n  a: {type: aws:lambda:Function, properties: {role: r, code: ./x}}\n"),
        ("map for a text", "resources:\n  a: {type: aws:ec2:Subnet, properties: {vpcId: {a: 1}, cidrBlock: c}}\n"),
        ("properties are a list", "resources:\n  a: {type: aws:ec2:Vpc, properties: [a]}\n"),
        (
            "missing archive",
            "resources:\n  a: {type: aws:lambda:Function, properties: {role: r, code: {fn::fileArchive: ./nothing}}}\n",
        ),
        (
            "a mistake has no followers",
            "variables:\n  v: ${nothing.x}\nresources:\n  a: {type: aws:ec2:Subnet, properties: {vpcId: \"${v}\", cidrBlock: \"${v}\"}}\noutputs: {o: \"${v}\"}\n",
        ),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn references() {
    let told = told(&[
        ("property", "resources:\n  a: {type: aws:ec2:Vpc}\noutputs:\n  x: ${a.arnn}\n"),
        ("property, nothing near", "resources:\n  a: {type: aws:ec2:Vpc}\noutputs:\n  x: ${a.something}\n"),
        (
            "nested",
            "resources:\n  a: {type: aws:rds:Cluster, properties: {engineVersion: x}}\noutputs:\n  x: ${a.master[0].secretArm}\n  y: ${a.master.secretArn}\n  z: ${a.endpoint.host}\n",
        ),
        (
            "shapes that do not fit",
            "resources:\n  v: {type: aws:ec2:Vpc}\n  s:\n    type: aws:ec2:Subnet\n    properties:\n      vpcId: ${v.tags}\n      cidrBlock: ${v.cidrBlock}\n      tags: ${v.arn}\n  d: {type: aws:rds:Cluster, properties: {engineVersion: x, subnetIds: \"${s.id}\", managePassword: \"${v.enableDnsHostnames}\"}}\n",
        ),
        ("index on a resource", "resources:\n  a: {type: aws:ec2:Vpc}\noutputs:\n  x: ${a[0].id}\n"),
        (
            "instance",
            "resources:\n  a: {type: aws:ec2:Vpc, each: [x, y]}\noutputs:\n  x: ${a[\"z\"].id}\n  y: ${a.id}\n  i: ${a[2].id}\n",
        ),
        (
            "output of a component",
            "components:\n  c: {outputs: {ident: 1}}\nresources:\n  a: {type: c}\noutputs:\n  x: ${a.idnet}\n",
        ),
        (
            "result of a data source",
            "variables:\n  z: {fn::aws:getAvailabilityZones: {}}\noutputs:\n  x: ${z.name[0]}\n",
        ),
        (
            "return of a data source",
            "variables:\n  z:\n    fn::invoke: {function: aws:getAvailabilityZones, return: nams}\n",
        ),
        ("argument of a data source", "variables:\n  z: {fn::aws:getAvailabilityZones: {stat: available}}\n"),
        ("unknown data source", "variables:\n  z: {fn::aws:getAvailabilityZone: {}}\n"),
        (
            "a password that changes",
            "resources:\n  a:\n    type: aws:rds:Cluster\n    properties:\n      engineVersion: x\n      password: ${p.randomPassword}\nvariables:\n  p: {fn::aws:secretsmanager:getRandomPassword: {passwordLength: 30}}\n",
        ),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn functions() {
    let told = told(&[
        ("unknown", "outputs:\n  a: {fn::joinn: [a, b]}\n"),
        ("reserved prefix", "outputs:\n  a: {fn::somethingElse: [a, b]}\n"),
        (
            "operands",
            "outputs:\n  a: {fn::join: [a]}\n  b: {fn::select: [5, [a]]}\n  c: {fn::select: [-1, [a]]}\n  d: {fn::split: [1, [a]]}\n",
        ),
        (
            "network",
            "outputs:\n  a: {fn::cidrSubnet: [10.0.0.0, 8, 1]}\n  b: {fn::cidrSubnet: [10.0.0.0/16, 8, 256]}\n  c: {fn::cidrSubnet: [10.0.0.0/16, 17, 0]}\n  d: {fn::cidrHost: [10.0.0.0/30, 4]}\n",
        ),
        (
            "numbers",
            "outputs:\n  a: {fn::div: [1, 0]}\n  b: {fn::add: [1, x]}\n  c: {fn::add: [9223372036854775807, 1]}\n  d: {fn::max: []}\n",
        ),
        (
            "lists",
            "outputs:\n  a: {fn::lookup: [{a: 1}, b]}\n  b: {fn::range: 1000000}\n  c: {fn::concat: [[a], b]}\n  d: {fn::singleOrNone: [a, b]}\n  e: {fn::sort: [a, [b]]}\n",
        ),
        ("encodings", "outputs:\n  a: {fn::fromBase64: '%'}\n  b: {fn::fromBase64: /w==}\n  c: {fn::fromJSON: '{'}\n"),
        ("decisions", "outputs:\n  a: {fn::if: [maybe, 1, 2]}\n  b: {fn::if: [true, 1]}\n  c: {fn::and: []}\n"),
        ("environment", "outputs:\n  a: {fn::env: NOT_SET}\n"),
        ("file", "outputs:\n  a: {fn::readFile: nothing.txt}\n"),
        (
            "format",
            "outputs:\n  a: {fn::format: [\"%d\", x]}\n  b: {fn::format: [\"%q\", x]}\n  c: {fn::format: [a, b]}\n",
        ),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn secrets_are_never_quoted() {
    let told = told(&[
        ("in a function", "outputs:\n  a: {fn::cidrSubnet: [{fn::secret: hunter2}, 8, 1]}\n"),
        (
            "in an input",
            "resources:\n  a: {type: aws:ec2:Vpc, properties: {cidrBlock: {fn::secret: hunter2}, retention: {fn::secret: 7131}, instanceTenancy: {fn::secret: hunter2}}}\n",
        ),
        ("as a name", "resources:\n  a: {type: aws:ec2:Vpc, name: {fn::secret: hunter2}}\n"),
    ]);
    let answers: String = told.lines().filter(|l| l.starts_with("stacks/") || l.starts_with("  help")).collect();
    assert!(!answers.contains("hunter2") && !answers.contains("7131"), "{answers}");
    insta::assert_snapshot!(told);
}

#[test]
fn regions_and_config() {
    let told = told(&[
        (
            "unknown role",
            "regions: {primary: us-east-1, secondary: eu-west-1}\nresources:\n  a: {type: aws:ec2:Vpc, region: secondry}\n",
        ),
        ("no region", "resources:\n  a: {type: aws:ec2:Vpc, region: Frankfurt}\n"),
        ("role that is none", "regions: {primary: us-east-1}\noutputs: {a: \"${regions.other}\"}\n"),
        (
            "region without a role",
            "regions: {primary: us-east-1}\nresources:\n  a: {type: aws:ec2:Vpc, region: eu-west-1, properties: {tags: {R: \"${region.role}\"}}}\n",
        ),
        ("region property", "outputs: {a: \"${region.nam}\"}\n"),
        ("role names no region", "regions: {primary: us_east_1}\n"),
        ("region not known", "resources:\n  b: {type: aws:ec2:Vpc}\n  a: {type: aws:ec2:Vpc, region: \"${b.id}\"}\n"),
        ("config without a value", "config:\n  name: {type: string}\n  suffix: {type: string, env: SUFFIX}\n"),
        ("config without a type", "config:\n  name: {}\n  other:\n"),
        (
            "config of another type",
            "config:\n  n: {type: integer, default: many}\n  l: {type: list<string>, default: 5}\n",
        ),
        ("config type", "config:\n  n: {type: strin, default: x}\n"),
        ("old spelling", "configuration:\n  n: 5\noutputs: {n: \"${n}\"}\n"),
        ("each not known", "resources:\n  b: {type: aws:ec2:Vpc}\n  a: {type: aws:ec2:Vpc, each: \"${b.id}\"}\n"),
        ("each twice", "resources:\n  a: {type: aws:ec2:Vpc, each: [x, x]}\n"),
        ("each of a number", "resources:\n  a: {type: aws:ec2:Vpc, each: 3}\n"),
        ("if not known", "resources:\n  b: {type: aws:ec2:Vpc}\n  a: {type: aws:ec2:Vpc, if: \"${b.id}\"}\n"),
        (
            "each property",
            "resources:\n  a: {type: aws:ec2:Vpc, each: [x], properties: {tags: {A: \"${each.name}\"}}}\n",
        ),
        (
            "input of a component",
            "components:\n  c: {inputs: {cidr: {type: string}, n: {type: integer, default: 1}}}\nresources:\n  a: {type: c, properties: {cird: x, n: many}}\n",
        ),
        ("section of a component", "components:\n  c: {resource: {}}\n"),
        ("component file", "components:\n  c: nothing.yaml\nresources:\n  a: {type: c}\n"),
        ("extends a file that is not there", "extends: nothing.yaml\n"),
        ("extends itself", "extends: test.yaml\n"),
        ("targets", "dr: {rto: soon, rpo: 60s}\n"),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn stacks() {
    let wrong = |desk: Desk| desk.wrong();
    let answers = [
        wrong(Desk::of("outputs: {}\n").stack("tset")),
        wrong(Desk::of("outputs: {}\n").stack("other")),
        wrong(Desk::of("config: {suffix: a}\n").config("sufix", "b")),
        wrong(Desk::of("config: {n: {type: integer}}\n").config("n", "many")),
        wrong(Desk::files(&[("Pulumi.yaml", "name: p\nruntime: nodejs\n")]).stack("dev")),
        wrong(Desk::files(&[("Pulumi.yaml", "runtime: yaml\n")]).stack("dev")),
        wrong(
            Desk::files(&[
                ("Pulumi.yaml", "name: p\nruntime: yaml\nconfig: {s: {type: string}}\n"),
                ("Pulumi.dev.yaml", "encryptionsalt: v1:x:y\nconfig: {p:s: {secure: v1:a:b}}\n"),
            ])
            .stack("dev"),
        ),
    ];
    insta::assert_snapshot!(answers.join("\n========\n"));
}

#[test]
fn a_value_that_is_wrong_hides_no_other_mistake_of_the_resource() {
    let text = "variables: {l: [1, 2]}\nresources:\n  a:\n    type: aws:ec2:Vpc\n    properties:\n      cidrBlock: ${l[7]}\n      \
                retention: soon\n      instanceTenancy: shared\n      colour: red\n      \
                tags: {a: {fn::select: [9, [x]]}, b: [y]}\n";
    let told = Desk::of(text).wrong();
    for mistake in [
        "list index 7 is out of bounds",
        "`retention` of `aws:ec2:Vpc` must",
        "value of `instanceTenancy`",
        "has no input `colour`",
        "`fn::select`",
        "`tags.b`",
    ] {
        assert_eq!(told.matches(mistake).count(), 1, "{mistake}: {told}");
    }
}

//! The functions of the language: a table of names, and one file a family.
//!
//! All are pure. What they know of the world comes with [`Site`].

mod arguments;
mod assets;
mod collections;
mod encoding;
mod files;
mod logic;
mod network;
mod numbers;
mod text;

pub(crate) use arguments::{Fault, Outcome, noun, scalar_text, whole};

use std::collections::BTreeMap;
use std::path::Path;

use crate::engine::value::Value;
use crate::stack::budget::{Amount, Room};
use crate::stack::reads::Reads;

/// Where a function is called.
pub(crate) struct Site<'a> {
    /// Directory of the file that the call is written in; its relative paths start there.
    pub(crate) here: &'a Path,
    /// Directory of the program; paths of assets are relative to it.
    pub(crate) program: &'a Path,
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// Reads files.
    pub(crate) assets: &'a crate::stack::assets::Assets,
    /// Learns what is read.
    pub(crate) reads: &'a Reads,
    /// What it may make.
    pub(crate) room: Room,
}

impl Site<'_> {
    /// Refuses to make more than there is room for.
    fn room_for(&self, amount: Amount) -> Outcome<()> {
        if self.room.has(amount) { Ok(()) } else { Err(Fault::TooBig) }
    }
}

/// A function of the language.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) how: How,
    /// The form of its argument: `[delimiter, text]`.
    pub(crate) takes: &'static str,
    /// What it gives, in a sentence.
    pub(crate) gives: &'static str,
}

/// Functions that put texts together or elsewhere, whatever these say.
const PUT: [&str; 8] = ["join", "format", "toJSON", "fromJSON", "stringAsset", "fileAsset", "assetArchive", "distinct"];

impl Builtin {
    /// Whether what it gives depends on what the texts say that it gets.
    pub(crate) fn reads_letters(&self) -> bool {
        matches!(self.how, Deep(_)) && !PUT.contains(&self.name)
    }
}

type Run = fn(&Value, &Site) -> Outcome;

/// What a function wants of its argument before it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// Everything known and in plain. The result is secret if any part of the argument was.
    Deep(Run),
    /// Operands known, their items as they are. The result is secret if an operand was.
    Shallow(Run),
    /// The argument as it is.
    Raw(Run),
    /// Only the operands that decide are evaluated.
    Lazy(Lazy),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lazy {
    If,
    And,
    Or,
    StackReference,
    Name,
    Type,
}

use How::{Deep, Lazy as L, Raw, Shallow};

const fn row(name: &'static str, how: How, takes: &'static str, gives: &'static str) -> Builtin {
    Builtin { name, how, takes, gives }
}

pub(crate) static TABLE: &[Builtin] = &[
    row("join", Deep(text::join), "[delimiter, [text, …]]", "One text of several, with the delimiter between them."),
    row(
        "split",
        Deep(text::split),
        "[delimiter, text]",
        "The parts of a text between delimiters; its characters without one.",
    ),
    row(
        "replace",
        Deep(text::replace),
        "[text, from, to]",
        "The text with every occurrence of one part exchanged for another.",
    ),
    row(
        "substring",
        Deep(text::substring),
        "[text, start, length?]",
        "A part of a text, counted in characters from 0; without a length the rest.",
    ),
    row(
        "format",
        Deep(text::format),
        "[template, value, …]",
        "A text with values in it: `%s`, `%d`, `%x`, with a width such as `%03d`.",
    ),
    row("lower", Deep(text::lower), "text", "The text in small letters."),
    row("upper", Deep(text::upper), "text", "The text in capitals."),
    row("trim", Deep(text::trim), "text", "The text without white space around it."),
    row("trimPrefix", Deep(text::trim_prefix), "[text, prefix]", "The text without a beginning, if it has it."),
    row("trimSuffix", Deep(text::trim_suffix), "[text, suffix]", "The text without an end, if it has it."),
    row("startsWith", Deep(text::starts_with), "[text, prefix]", "Whether a text begins so."),
    row("endsWith", Deep(text::ends_with), "[text, suffix]", "Whether a text ends so."),
    row("sha1", Deep(encoding::sha1), "text", "The SHA-1 of a text, in hex."),
    row("sha256", Deep(encoding::sha256), "text", "The SHA-256 of a text, in hex."),
    row("toJSON", Deep(encoding::to_json), "value", "The value as compact JSON with sorted keys."),
    row("fromJSON", Deep(encoding::from_json), "text", "The value that a JSON text describes."),
    row("toBase64", Deep(encoding::to_base64), "text", "The text in Base64."),
    row("fromBase64", Deep(encoding::from_base64), "text", "The text that Base64 stands for."),
    row("add", Deep(numbers::add), "[number, number, …]", "The sum."),
    row("sub", Deep(numbers::sub), "[number, number, …]", "The first number less the others."),
    row("mul", Deep(numbers::mul), "[number, number, …]", "The product."),
    row(
        "div",
        Deep(numbers::div),
        "[number, number]",
        "The quotient: a whole number where nothing is left, else a fraction.",
    ),
    row("mod", Deep(numbers::modulo), "[number, number]", "What a division leaves."),
    row("min", Deep(numbers::min), "[number, …]", "The least number."),
    row("max", Deep(numbers::max), "[number, …]", "The greatest number."),
    row(
        "cidrSubnet",
        Deep(network::cidr_subnet),
        "[range, bits, number]",
        "The subnet of that number whose prefix is that many bits longer.",
    ),
    row(
        "cidrHost",
        Deep(network::cidr_host),
        "[range, number]",
        "The address of that number in a range; negative numbers count from the end.",
    ),
    row("cidrNetmask", Deep(network::cidr_netmask), "range", "The netmask of a range: `255.255.0.0`."),
    row("select", Shallow(collections::select), "[index, list]", "The item of a list at an index from 0."),
    row(
        "length",
        Shallow(collections::length),
        "value",
        "How many items a list, entries a map or characters a text has.",
    ),
    row("concat", Shallow(collections::concat), "[list, list, …]", "One list of several."),
    row("flatten", Shallow(collections::flatten), "list", "The list with the items of its inner lists in their place."),
    row("merge", Shallow(collections::merge), "[map, map, …]", "One map of several; later ones win."),
    row("keys", Shallow(collections::keys), "map", "The keys of a map."),
    row("values", Shallow(collections::values), "map", "The values of a map."),
    row(
        "lookup",
        Shallow(collections::lookup),
        "[map, key, default?]",
        "The value of a key, or the default if there is none.",
    ),
    row("zip", Shallow(collections::zip), "[keys, values]", "A map of two lists."),
    row("reverse", Shallow(collections::reverse), "list", "The list from its end."),
    row(
        "range",
        Deep(collections::range),
        "number or [start, end, step?]",
        "Numbers from 0, or from a start; the end is not among them.",
    ),
    row("sort", Deep(collections::sort), "list", "The list in order: numbers by value, all else by text."),
    row("distinct", Deep(collections::distinct), "list", "The list without repetitions."),
    row(
        "contains",
        Deep(collections::contains),
        "[whole, part]",
        "Whether a list has an item, a map a key or a text a part.",
    ),
    row("singleOrNone", Shallow(collections::single_or_none), "list", "The only item, or null if there is none."),
    row("if", L(Lazy::If), "[condition, then, else]", "One of two values; the other one is not evaluated."),
    row("and", L(Lazy::And), "[condition, …]", "Whether all hold; it looks no further than the first that does not."),
    row("or", L(Lazy::Or), "[condition, …]", "Whether one holds; it looks no further than the first that does."),
    row("not", Deep(logic::not), "condition", "Whether a condition does not hold."),
    row("equals", Deep(logic::equals), "[value, value]", "Whether two values are the same; `1` is `1.0`."),
    row("coalesce", Shallow(logic::coalesce), "[value, …]", "The first value that is not null."),
    row(
        "secret",
        Raw(logic::secret),
        "value",
        "The value, hidden wherever it is shown and sealed wherever it is kept.",
    ),
    row("unsecret", Raw(logic::unsecret), "value", "A secret as a plain value."),
    row("env", Deep(logic::env), "name or [name, default]", "A variable of the environment."),
    row(
        "readFile",
        Deep(files::read_file),
        "path",
        "The text of a file, UTF-8; the path starts where the call is written.",
    ),
    row("filebase64", Deep(files::base64), "path", "The bytes of a file in Base64."),
    row("filebase64sha256", Deep(files::base64_sha256), "path", "The SHA-256 of a file in Base64."),
    row("stringAsset", Deep(assets::string), "text", "A file with this text."),
    row("fileAsset", Deep(assets::file), "path", "A file; the path starts in the directory of the program."),
    row("remoteAsset", Deep(assets::behind), "address", "A file at an address."),
    row("fileArchive", Deep(assets::archive), "path", "A directory or an archive file."),
    row("remoteArchive", Deep(assets::remote_archive), "address", "An archive at an address."),
    row("assetArchive", Deep(assets::entries), "{path: asset, …}", "An archive put together of files and archives."),
    row("stackReference", L(Lazy::StackReference), "[stack, output]", "An output of another stack on the same target."),
    row("pulumiResourceName", L(Lazy::Name), "${resource}", "The logical name of a resource."),
    row("pulumiResourceType", L(Lazy::Type), "${resource}", "The type of a resource."),
];

/// The function of that name, whatever its case.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    TABLE.iter().find(|b| b.name == name).or_else(|| TABLE.iter().find(|b| b.name.eq_ignore_ascii_case(name)))
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|b| b.name).chain(["invoke"])
}

pub(crate) use collections::number;
pub(crate) use encoding::to_json_text;

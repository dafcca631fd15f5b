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

/// Where a function is called.
pub(crate) struct Site<'a> {
    /// Directory of the file that the call is written in; its relative paths start there.
    pub(crate) here: &'a Path,
    /// Directory of the program; paths of assets are relative to it.
    pub(crate) program: &'a Path,
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// Reads files.
    pub(crate) assets: &'a crate::stack::assets::Assets,
}

/// A function of the language.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) how: How,
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

const fn row(name: &'static str, how: How) -> Builtin {
    Builtin { name, how }
}

static TABLE: &[Builtin] = &[
    row("join", Deep(text::join)),
    row("split", Deep(text::split)),
    row("replace", Deep(text::replace)),
    row("substring", Deep(text::substring)),
    row("format", Deep(text::format)),
    row("lower", Deep(text::lower)),
    row("upper", Deep(text::upper)),
    row("trim", Deep(text::trim)),
    row("trimPrefix", Deep(text::trim_prefix)),
    row("trimSuffix", Deep(text::trim_suffix)),
    row("startsWith", Deep(text::starts_with)),
    row("endsWith", Deep(text::ends_with)),
    row("sha1", Deep(encoding::sha1)),
    row("sha256", Deep(encoding::sha256)),
    row("toJSON", Deep(encoding::to_json)),
    row("fromJSON", Deep(encoding::from_json)),
    row("toBase64", Deep(encoding::to_base64)),
    row("fromBase64", Deep(encoding::from_base64)),
    row("add", Deep(numbers::add)),
    row("sub", Deep(numbers::sub)),
    row("mul", Deep(numbers::mul)),
    row("div", Deep(numbers::div)),
    row("mod", Deep(numbers::modulo)),
    row("min", Deep(numbers::min)),
    row("max", Deep(numbers::max)),
    row("cidrSubnet", Deep(network::cidr_subnet)),
    row("cidrHost", Deep(network::cidr_host)),
    row("cidrNetmask", Deep(network::cidr_netmask)),
    row("select", Shallow(collections::select)),
    row("length", Shallow(collections::length)),
    row("concat", Shallow(collections::concat)),
    row("flatten", Shallow(collections::flatten)),
    row("merge", Shallow(collections::merge)),
    row("keys", Shallow(collections::keys)),
    row("values", Shallow(collections::values)),
    row("lookup", Shallow(collections::lookup)),
    row("zip", Shallow(collections::zip)),
    row("reverse", Shallow(collections::reverse)),
    row("range", Deep(collections::range)),
    row("sort", Deep(collections::sort)),
    row("distinct", Deep(collections::distinct)),
    row("contains", Deep(collections::contains)),
    row("singleOrNone", Shallow(collections::single_or_none)),
    row("if", L(Lazy::If)),
    row("and", L(Lazy::And)),
    row("or", L(Lazy::Or)),
    row("not", Deep(logic::not)),
    row("equals", Deep(logic::equals)),
    row("coalesce", Shallow(logic::coalesce)),
    row("secret", Raw(logic::secret)),
    row("unsecret", Raw(logic::unsecret)),
    row("env", Deep(logic::env)),
    row("readFile", Deep(files::read_file)),
    row("filebase64", Deep(files::base64)),
    row("filebase64sha256", Deep(files::base64_sha256)),
    row("stringAsset", Deep(assets::string)),
    row("fileAsset", Deep(assets::file)),
    row("remoteAsset", Deep(assets::behind)),
    row("fileArchive", Deep(assets::archive)),
    row("remoteArchive", Deep(assets::remote_archive)),
    row("assetArchive", Deep(assets::entries)),
    row("stackReference", L(Lazy::StackReference)),
    row("pulumiResourceName", L(Lazy::Name)),
    row("pulumiResourceType", L(Lazy::Type)),
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

//! Inputs that pulumi-aws has and drctl refuses by name, each with its reason.

/// Token of the type (`*` for all), input, reason.
pub const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("*", "region", "the language handles it: `region` is an option of every resource"),
    ("*", "namePrefix", "give `name`, or leave it out for an automatic name"),
];

/// Why an input is refused although pulumi-aws has it.
pub fn why(token: &str, input: &str) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(ty, name, _)| (*ty == token || *ty == "*") && *name == input).map(|(.., reason)| *reason)
}

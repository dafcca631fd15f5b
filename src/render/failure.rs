//! A failed call as people need it: which resource, where, what the cloud said, what to do next.

use std::fmt;

use super::style::Label;
use super::words::resource;
use crate::engine::error::{Error, Kind};
use crate::engine::urn::{Place, Urn};

/// A failure of a step, to be shown with `Display`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepFailure<'a> {
    pub(crate) urn: &'a Urn,
    pub(crate) place: &'a Place,
    /// `create`, `replace`.
    pub(crate) verb: &'a str,
    /// `stacks/prod.yaml:12:3`.
    pub(crate) at: Option<&'a str>,
    pub(crate) error: &'a Error,
}

impl fmt::Display for StepFailure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { urn, place, verb, at, error } = self;
        if let Some(at) = at {
            write!(f, "{at}: ")?;
        }
        let head = Label::Error.paint("error:");
        writeln!(f, "{head} cannot {verb} {} in {place}: {}", resource(urn), error.message)?;
        write_details(f, error)
    }
}

/// An error that belongs to no step, to be shown with `Display`.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a>(pub &'a Error);

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", Label::Error.paint("error:"), self.0.message)?;
        write_details(f, self.0)
    }
}

fn write_details(f: &mut fmt::Formatter<'_>, error: &Error) -> fmt::Result {
    let facts = [
        error.operation.as_ref().map(|operation| format!("operation {operation}")),
        error.code.as_ref().map(|code| format!("code {code}")),
        error.request_id.as_ref().map(|id| format!("request id {id}")),
        error.ambiguous.then(|| "the call may have had its effect".to_owned()),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    if !facts.is_empty() {
        writeln!(f, "  {}", Label::Aside.paint(facts.join(", ")))?;
    }
    let hint = match (&error.hint, error.kind) {
        (Some(hint), _) => hint.as_str(),
        (None, Kind::Denied) => "check the credentials and their permissions with `drctl doctor`",
        (None, Kind::Bug) => "this is a mistake in drctl: report it with the run's log",
        (None, _) => return Ok(()),
    };
    writeln!(f, "  {} {hint}", Label::Hint.paint("help:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_resource_place_call_and_the_next_step() {
        let urn = crate::render::examples::urn("aws:ec2/vpc:Vpc", "main");
        let error = Error {
            operation: Some("ec2:CreateVpc".into()),
            code: Some("UnauthorizedOperation".into()),
            request_id: Some("41".into()),
            ambiguous: true,
            ..Error::new(Kind::Denied, "the role may not do this")
        };
        let place = Place("us-east-1".into());
        let failure =
            StepFailure { urn: &urn, place: &place, verb: "create", at: Some("stacks/a.yaml:2:3"), error: &error };
        insta::assert_snapshot!(anstream::adapter::strip_str(&failure.to_string()), @r"
        stacks/a.yaml:2:3: error: cannot create ec2:Vpc main in us-east-1: the role may not do this
          operation ec2:CreateVpc, code UnauthorizedOperation, request id 41, the call may have had its effect
          help: check the credentials and their permissions with `drctl doctor`
        ");
    }
}

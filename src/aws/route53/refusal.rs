//! What Route 53 says about a batch of changes that it refuses. It has one code for all reasons, so
//! only its words tell them apart.

use crate::engine::error::{Error, Kind};

/// Where the reasons begin that a refusal lists.
const BEGINNINGS: [&str; 3] = ["Tried to ", "RRSet ", "Invalid "];

/// The reasons of a refusal, one by one: `[first, second]`.
pub(super) fn messages(text: &str) -> Vec<String> {
    let text = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let mut starts: Vec<usize> = BEGINNINGS
        .iter()
        .flat_map(|beginning| text.match_indices(beginning).map(|(at, _)| at))
        .filter(|at| *at == 0 || text[..*at].ends_with(", ") || text[..*at].ends_with(". "))
        .collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| text[*start..end].trim().trim_end_matches(',').to_owned()).collect()
}

/// A refusal may come in a form of its own, with the reasons in the middle of the answer.
pub(super) fn read(error: Error, body: Option<&str>) -> Error {
    let reasons = |body: &str| {
        let text = body.split("<Messages>").nth(1)?.split("</Messages>").next()?;
        Some(text.replace("<Message>", "").replace("</Message>", " ").trim().replace("&apos;", "'"))
    };
    match body.filter(|_| error.code.is_none()).and_then(reasons) {
        Some(message) => Error { code: Some("InvalidChangeBatch".into()), kind: Kind::Invalid, message, ..error },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_apart_by_their_beginnings() {
        let one = "Tried to create resource record set [name='a.', type='A'] but it already exists";
        let two = "RRSet with DNS name b. is not permitted in zone c.";
        assert_eq!(messages(&format!("[{one}, {two}]")), [one, two]);
        assert_eq!(messages(one), [one]);
        assert_eq!(messages("something else"), ["something else"]);
    }
}

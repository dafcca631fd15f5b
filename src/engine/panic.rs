//! What may be told of a panic.
//!
//! Words that stand in the source hold no value. What was formatted may quote what it stumbled over, as the
//! standard library quotes a text that is cut in the middle of a character: a secret, for all anyone knows.

use std::any::Any;

/// What is told instead of words that may hold a value.
const WITHHELD: &str = "its words may hold a value and are not shown";

/// The words of a panic, if they stand in the source as they are.
pub fn words(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or(WITHHELD)
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn told(of: impl FnOnce() + std::panic::UnwindSafe) -> &'static str {
        words(&*catch_unwind(of).unwrap_err())
    }

    #[test]
    fn words_of_the_source_are_told_and_those_that_may_quote_a_value_are_not() {
        let secret = std::hint::black_box("pässword".to_owned());
        assert_eq!(told(|| panic!("no way")), "no way");
        assert_eq!(told(|| panic!("no {secret}")), WITHHELD);
        assert_eq!(told(|| drop(secret[..2].to_owned())), WITHHELD);
        assert_eq!(told(|| drop(String::from_utf8(b"p\xff".to_vec()).unwrap())), WITHHELD);
    }
}

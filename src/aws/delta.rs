//! Where two lists of an input differ, for APIs that want additions and removals.

/// The items of `a` that `b` lacks.
pub(super) fn only_in<'a, T: PartialEq>(a: &'a [T], b: &[T]) -> Vec<&'a T> {
    a.iter().filter(|item| !b.contains(item)).collect()
}

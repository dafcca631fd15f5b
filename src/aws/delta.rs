//! Where inputs differ, for APIs that take one change a call.

/// The wish for a computed input, if there is one and it differs.
pub(super) fn changed<'a, T: PartialEq>(wish: &'a Option<T>, live: &Option<T>) -> Option<&'a T> {
    wish.as_ref().filter(|wish| live.as_ref() != Some(wish))
}

/// The items of `a` that `b` lacks.
pub(super) fn only_in<'a, T: PartialEq>(a: &'a [T], b: &[T]) -> Vec<&'a T> {
    a.iter().filter(|item| !b.contains(item)).collect()
}

//! Changes of a resource in the form in which API Gateway takes them: operations of a JSON patch.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{Op, PatchOperation};

/// Operations that turn one state of a resource into another.
#[derive(Debug, Default)]
pub(super) struct Patch(Vec<PatchOperation>);

impl Patch {
    /// The operations, none if nothing differs.
    pub(super) fn operations(self) -> Option<Vec<PatchOperation>> {
        (!self.0.is_empty()).then_some(self.0)
    }

    /// Sets a value.
    pub(super) fn replace(&mut self, path: impl Into<String>, value: impl ToString) {
        self.push(Op::Replace, path, Some(value.to_string()));
    }

    /// Adds an item or an entry.
    pub(super) fn add(&mut self, path: impl Into<String>, value: impl ToString) {
        self.push(Op::Add, path, Some(value.to_string()));
    }

    /// Removes a value, an item or an entry.
    pub(super) fn remove(&mut self, path: impl Into<String>) {
        self.push(Op::Remove, path, None);
    }

    /// Removes an item that its path does not name.
    pub(super) fn remove_item(&mut self, path: impl Into<String>, item: &str) {
        self.push(Op::Remove, path, Some(item.to_owned()));
    }

    /// Sets a value that always has one.
    pub(super) fn change<T: PartialEq + ToString>(&mut self, path: &str, wish: &T, live: &T) {
        if wish != live {
            self.replace(path, wish.to_string());
        }
    }

    /// Sets a value, or empties it if the wish is none.
    pub(super) fn change_or_empty<T: PartialEq + ToString>(&mut self, path: &str, wish: &Option<T>, live: &Option<T>) {
        if wish != live {
            self.replace(path, wish.as_ref().map(T::to_string).unwrap_or_default());
        }
    }

    /// Sets a value, or takes it away where AWS refuses an empty one.
    pub(super) fn change_or_unset<T: PartialEq + ToString>(&mut self, path: &str, wish: &Option<T>, live: &Option<T>) {
        if wish != live {
            self.push(Op::Replace, path, wish.as_ref().map(T::to_string));
        }
    }

    /// Sets a value that AWS chooses if the wish is none.
    pub(super) fn change_if_given<T: PartialEq + ToString>(&mut self, path: &str, wish: &Option<T>, live: &Option<T>) {
        if let Some(wish) = wish.as_ref().filter(|wish| live.as_ref() != Some(wish)) {
            self.replace(path, wish.to_string());
        }
    }

    /// Brings the entries of a map to those wished for.
    pub(super) fn change_entries<T: PartialEq + ToString>(
        &mut self,
        path: &str,
        wish: &BTreeMap<String, T>,
        live: &BTreeMap<String, T>,
    ) {
        for (key, value) in wish {
            let at = format!("{path}/{}", escaped(key));
            match live.get(key) {
                Some(same) if same == value => {}
                Some(_) => self.replace(at, value.to_string()),
                None => self.add(at, value.to_string()),
            }
        }
        self.remove_entries(path, wish, live);
    }

    /// The same for stage variables, where a new entry is set and not added.
    pub(super) fn set_entries(&mut self, path: &str, wish: &BTreeMap<String, String>, live: &BTreeMap<String, String>) {
        for (key, value) in wish.iter().filter(|(key, value)| live.get(*key) != Some(value)) {
            self.replace(format!("{path}/{}", escaped(key)), value);
        }
        self.remove_entries(path, wish, live);
    }

    fn remove_entries<T>(&mut self, path: &str, wish: &BTreeMap<String, T>, live: &BTreeMap<String, T>) {
        for key in live.keys().filter(|key| !wish.contains_key(*key)) {
            self.remove(format!("{path}/{}", escaped(key)));
        }
    }

    /// Brings items that paths name to those wished for.
    pub(super) fn change_keys(&mut self, path: &str, wish: &[String], live: &[String]) {
        for item in live.iter().filter(|item| !wish.contains(item)) {
            self.remove(format!("{path}/{}", escaped(item)));
        }
        for item in wish.iter().filter(|item| !live.contains(item)) {
            self.push(Op::Add, format!("{path}/{}", escaped(item)), None);
        }
    }

    /// Brings items that stand in values to those wished for.
    pub(super) fn change_items(&mut self, path: &str, wish: &[String], live: &[String]) {
        for item in live.iter().filter(|item| !wish.contains(item)) {
            self.remove_item(path, item);
        }
        for item in wish.iter().filter(|item| !live.contains(item)) {
            self.add(path, item);
        }
    }

    fn push(&mut self, op: Op, path: impl Into<String>, value: Option<String>) {
        self.0.push(PatchOperation::builder().op(op).path(path).set_value(value).build());
    }
}

/// A key as one step of a path.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key that such a step stands for.
pub(super) fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(patch: Patch) -> Vec<String> {
        let told = |o: &PatchOperation| {
            let op = o.op.as_ref().map_or("", Op::as_str);
            format!("{op} {} {}", o.path().unwrap_or_default(), o.value().unwrap_or("-"))
        };
        patch.operations().unwrap_or_default().iter().map(told).collect()
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn entries_are_added_replaced_and_removed_by_escaped_keys() {
        let mut patch = Patch::default();
        patch.change_entries(
            "/m",
            &map(&[("a/b", "1"), ("c", "2"), ("d", "3")]),
            &map(&[("c", "1"), ("d", "3"), ("e~", "4")]),
        );
        patch.set_entries("/v", &map(&[("a", "1")]), &map(&[]));
        assert_eq!(told(patch), ["add /m/a~1b 1", "replace /m/c 2", "remove /m/e~0 -", "replace /v/a 1"]);
    }

    #[test]
    fn what_is_no_more_given_is_emptied_unset_or_left_to_aws() {
        let (none, some) = (None, Some("x".to_owned()));
        let mut patch = Patch::default();
        patch.change_or_empty("/a", &none, &some);
        patch.change_or_unset("/b", &none, &some);
        patch.change_if_given("/c", &none, &some);
        patch.change_if_given("/d", &some, &none);
        patch.change("/e", &true, &true);
        assert_eq!(told(patch), ["replace /a ", "replace /b -", "replace /d x"]);
    }

    #[test]
    fn items_are_removed_before_others_are_added() {
        let (new, old) = (["a/b".to_owned()], ["c".to_owned()]);
        let mut patch = Patch::default();
        patch.change_keys("/k", &new, &old);
        patch.change_items("/i", &new, &old);
        assert_eq!(told(patch), ["remove /k/c -", "add /k/a~1b -", "remove /i c", "add /i a/b"]);
    }

    #[test]
    fn no_difference_is_no_patch() {
        assert!(Patch::default().operations().is_none());
        assert_eq!(unescaped(&escaped("/a~/b")), "/a~/b");
    }
}
